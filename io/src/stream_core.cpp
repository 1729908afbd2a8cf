#include <buskin/io/detail/stream_core.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <asio/steady_timer.hpp>

#include <utility>

namespace buskin::io::detail {

namespace {

/// Owns a stream that was closed before all was sent: with nobody else left to hold it, it is still
/// one of the runtime's actors, and shutdown waits for it.
class sending_the_rest final : public lean_actor {
 public:
  sending_the_rest(caf::actor_config& config, std::shared_ptr<stream_core> core)
      : lean_actor(config), core_(std::move(core)) {}
  std::string title() const override { return core_->describe() + ", closed, with bytes to send"; }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override { refuse(*element); }
  // It ends by itself soon enough.
  void on_exit_request(caf::exit_msg&) override {}
  void on_end() noexcept override { core_->abort(); }

 private:
  const std::shared_ptr<stream_core> core_;
};

}  // namespace

// -- reading ----------------------------------------------------------------------------------

void stream_core::consume(std::size_t bytes) noexcept {
  in_begin_ += bytes;
  if (in_begin_ == in_.size()) {
    in_.clear();
    in_begin_ = 0;
  }
}

transfer stream_core::read_into(char* target, std::size_t size) {
  if (reader_lost_) return {transfer::status::end, 0, {}};
  if (closing_)
    return {transfer::status::failed, 0, std::make_error_code(std::errc::operation_canceled)};
  return transport_read(target, size);
}

transfer stream_core::fill() {
  if (in_begin_ != 0) {
    in_.erase(0, in_begin_);
    in_begin_ = 0;
  }
  const std::size_t before = in_.size();
  in_.resize(before + chunk);
  const transfer got = read_into(in_.data() + before, chunk);
  in_.resize(before + got.bytes);
  return got;
}

void stream_core::set_reader(io_wait& reader) {
  if (reader_ != nullptr)
    throw invalid_state("two tasks read " + describe() +
                        " at the same time; one of them has to be the reader");
  reader_ = &reader;
  if (closing_) {
    wake_reader();
    return;
  }
  if (!watching_read_) {
    watching_read_ = true;
    watch_readable();
  }
}

void stream_core::on_readable() {
  watching_read_ = false;
  if (reader_ != nullptr) reader_->on_news();
  if (reader_ != nullptr && !watching_read_ && !closing_) {
    watching_read_ = true;
    watch_readable();
  }
}

void stream_core::wake_reader() {
  if (reader_ != nullptr) reader_->on_news();
}

// -- writing ----------------------------------------------------------------------------------

void stream_core::throw_closed(const char* operation) const {
  const auto error = write_error_ ? write_error_
                                  : std::make_error_code(reader_lost_ ? std::errc::broken_pipe
                                                                      : std::errc::not_connected);
  throw std::system_error(error, std::string("cannot ") + operation + " " + describe());
}

void stream_core::write(std::string_view bytes) {
  if (closing_ || eof_requested_ || write_error_) throw_closed("write to");
  if (unsent() == 0) {
    while (!bytes.empty()) {
      const transfer put = transport_write(bytes.data(), bytes.size());
      if (put.what == transfer::status::failed || put.what == transfer::status::end) {
        write_error_ = put.error ? put.error : std::make_error_code(std::errc::broken_pipe);
        throw_closed("write to");
      }
      if (put.what == transfer::status::would_block) break;
      bytes.remove_prefix(put.bytes);
    }
    if (bytes.empty()) return;
  }
  if (out_begin_ > chunk && out_begin_ > out_.size() / 2) {
    out_.erase(0, out_begin_);
    out_begin_ = 0;
  }
  out_.append(bytes);
  if (!watching_write_) {
    watching_write_ = true;
    watch_writable();
  }
}

void stream_core::on_writable() {
  if (std::exchange(watching_write_, false)) flush();
}

void stream_core::flush() {
  while (unsent() != 0) {
    const transfer put = transport_write(out_.data() + out_begin_, unsent());
    if (put.what == transfer::status::would_block) {
      if (!watching_write_) {
        watching_write_ = true;
        watch_writable();
      }
      break;
    }
    if (put.what != transfer::status::done) {
      write_error_ = put.error ? put.error : std::make_error_code(std::errc::broken_pipe);
      out_.clear();
      out_begin_ = 0;
      break;
    }
    out_begin_ += put.bytes;
  }
  if (unsent() == 0) {
    out_.clear();
    out_begin_ = 0;
    if (out_.capacity() > 4 * chunk) out_.shrink_to_fit();
    if (eof_requested_ && !write_error_) transport_end_of_writing();
    if (closing_) finish_close();
  }
  wake_writers();
}

void stream_core::write_eof() {
  if (closing_ || eof_requested_) return;
  eof_requested_ = true;
  if (unsent() == 0) transport_end_of_writing();
}

void stream_core::add_writer(io_wait& writer) noexcept {
  io_wait** at = &writers_;
  while (*at != nullptr) at = &(*at)->next_;
  *at = &writer;
}

void stream_core::forget(io_wait& waiting) noexcept {
  // A watch for reading that is under way stays: it finds no reader, and the bytes stay where they
  // are.
  if (reader_ == &waiting) reader_ = nullptr;
  for (io_wait** at = &writers_; *at != nullptr; at = &(*at)->next_)
    if (*at == &waiting) {
      *at = waiting.next_;
      waiting.next_ = nullptr;
      return;
    }
}

void stream_core::wake_writers() {
  const auto keep = shared_from_this();  // the last writer may hold the last handle
  while (writers_ != nullptr) {
    io_wait* first = writers_;
    first->on_news();
    if (writers_ == first) return;
  }
}

// -- ending -----------------------------------------------------------------------------------

void stream_core::close() {
  if (closing_) return;
  const auto keep = shared_from_this();
  closing_ = true;
  if (unsent() == 0 || write_error_) {
    finish_close();
  } else {
    // A peer that does not read must not hold the descriptor for ever.
    auto alarm = std::make_shared<asio::steady_timer>(home_.io(), linger);
    alarm->async_wait([weak = weak_from_this(), alarm](const asio::error_code&) {
      if (auto core = weak.lock(); core && !core->closed()) core->abort();
    });
    if (here.worker != nullptr) {
      auto actor = make_lean<sending_the_rest>(home_.system(), keep);
      actor->track(shutdown_phase::ordinary);
      actor->pin(home_);
      actor->launch(nullptr, false, true);
      closing_actor_ = lean_ref<lean_actor>(actor.get());
    }
  }
  wake_reader();
}

void stream_core::abort() {
  if (closed_) return;
  const auto keep = shared_from_this();
  closing_ = true;
  out_.clear();
  out_begin_ = 0;
  if (!write_error_) write_error_ = std::make_error_code(std::errc::connection_aborted);
  finish_close();
  wake_reader();
  wake_writers();
}

void stream_core::lose_reader() {
  if (closed_) return;
  const auto keep = shared_from_this();
  reader_lost_ = true;
  if (unsent() != 0 && !write_error_) write_error_ = std::make_error_code(std::errc::broken_pipe);
  out_.clear();
  out_begin_ = 0;
  closing_ = true;
  finish_close();
  wake_reader();
  wake_writers();
}

void stream_core::finish_close() {
  if (closed_) return;
  closed_ = true;
  transport_close();
  if (const auto actor = std::exchange(closing_actor_, {}))
    actor->enter_or_post([](lean_actor& a) { a.quit(); });
}

// -- waits ------------------------------------------------------------------------------------

io_wait::~io_wait() {
  if (listed_) core_->forget(*this);
}

bool io_wait::await_ready() {
  host_ = &stack_here("a stream operation").host();
  if (here.worker == &core_->home()) {
    // With several workers an actor stays where its streams are, or a thief could find it in the
    // middle.
    if (here.worker->owner().threaded() && !host_->move_to(core_->home()))
      throw invalid_state("a CAF actor cannot be moved to the worker of " + core_->describe());
    return step();
  }
  if (!host_->move_to(core_->home()))
    throw invalid_state("a CAF actor on another worker cannot use " + core_->describe() +
                        "; use it from a task");
  moving_ = true;
  host_->again();
  return false;
}

bool io_wait::step() noexcept {
  try {
    done_ = attempt();
    if (!done_) {
      enlist();
      listed_ = !done_;
    }
  } catch (...) {
    failure_ = std::current_exception();
    done_ = true;
  }
  return done_;
}

bool io_wait::ready() noexcept {
  if (moving_ && here.worker == &core_->home()) {
    moving_ = false;
    step();
  }
  return done_;
}

void io_wait::on_news() {
  try {
    done_ = attempt();
  } catch (...) {
    failure_ = std::current_exception();
    done_ = true;
  }
  if (!done_) return;
  if (listed_) {
    listed_ = false;
    core_->forget(*this);
  }
  host_->signal_here();
}

bool io_wait::withdraw() noexcept {
  if (done_) return false;
  moving_ = false;
  if (listed_) {
    listed_ = false;
    core_->forget(*this);
  }
  return true;
}

void io_wait::check() {
  if (!done_)
    if (auto reason = interruption()) std::rethrow_exception(reason);
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace buskin::io::detail
