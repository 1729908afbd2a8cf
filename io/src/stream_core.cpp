#include <buskin/io/detail/stream_core.hpp>

#include <buskin/io/detail/stream_layer.hpp>
#include <buskin/io/tls_error.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include <asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

namespace buskin::io::detail {

namespace {

/// Owns a stream that was closed before all was sent: with nobody else left to hold it, it is still
/// one of the runtime's actors, and shutdown waits for it.
class sending_the_rest final : public lean_actor {
 public:
  sending_the_rest(caf::actor_config& config, std::shared_ptr<stream_core> core)
      : lean_actor(config), core_(std::move(core)) {}
  std::string title() const override {
    return core_->describe() + ", closed, " +
           (core_->unsent() != 0 ? "with bytes to send" : "waiting for the peer's notice");
  }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override { refuse(*element); }
  // It ends by itself soon enough, unless that is the peer's business.
  void on_exit_request(caf::exit_msg&) override { core_->hurry_close(); }
  void on_end() noexcept override { core_->abort(); }

 private:
  const std::shared_ptr<stream_core> core_;
};

}  // namespace

/// A close that takes its time: who is alive meanwhile, and for how long at most.
struct stream_core::closing_state {
  explicit closing_state(asio::io_context& io) : alarm(io) {}
  asio::steady_timer alarm;
  lean_ref<lean_actor> actor;
};

stream_core::stream_core(worker& home) noexcept : home_(home) {}
stream_core::~stream_core() = default;

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
  if (!layer_) return transport_read(target, size);
  const transfer got = layer_->read(target, size);
  // What was read may have to be answered.
  if (layer_->unsent() != 0) want_writable();
  return got;
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

void stream_core::set_reader(stream_reader& reader) {
  if (reader_ != nullptr)
    throw invalid_state("two tasks read " + describe() +
                        " at the same time; one of them has to be the reader");
  reader_ = &reader;
  if (closing_) {
    wake_reader();
    return;
  }
  want_readable();
}

void stream_core::forget_reader(stream_reader& reader) noexcept {
  // A watch that is under way stays: it finds no reader, and the bytes stay where they are.
  if (reader_ == &reader) reader_ = nullptr;
}

void stream_core::want_readable() {
  if (std::exchange(watching_read_, true)) return;
  watch_readable();
}

void stream_core::on_readable() {
  watching_read_ = false;
  if (reader_ != nullptr) reader_->on_read_news();
  if (closing_) {
    if (layer_) close_if_done();
  } else if (reader_ != nullptr) {
    want_readable();
  }
}

void stream_core::wake_reader() {
  if (reader_ != nullptr) reader_->on_read_news();
}

// -- writing ----------------------------------------------------------------------------------

void stream_core::throw_closed(const char* operation) const {
  throw_failed(operation, write_error_
                              ? write_error_
                              : std::make_error_code(reader_lost_ ? std::errc::broken_pipe
                                                                  : std::errc::not_connected));
}

void stream_core::throw_failed(const char* operation, const std::error_code& error) const {
  std::string text = std::string("cannot ") + operation + " " + describe();
  if (layer_ && error.category() == tls_category()) text += ": " + layer_->reason();
  throw std::system_error(error, text);
}

void stream_core::write(std::string_view bytes) {
  if (closing_ || eof_requested_ || write_error_) throw_closed("write to");
  if (unsent() == 0) {
    while (!bytes.empty()) {
      const transfer took = put(bytes.data(), bytes.size());
      if (took.what == transfer::status::failed || took.what == transfer::status::end) {
        write_error_ = took.error ? took.error : std::make_error_code(std::errc::broken_pipe);
        throw_closed("write to");
      }
      if (took.what == transfer::status::would_block) break;
      bytes.remove_prefix(took.bytes);
    }
    if (bytes.empty()) {
      if (unsent() != 0) want_writable();
      return;
    }
  }
  if (out_begin_ > chunk && out_begin_ > out_.size() / 2) {
    out_.erase(0, out_begin_);
    out_begin_ = 0;
  }
  out_.append(bytes);
  want_writable();
}

transfer stream_core::put(const char* bytes, std::size_t size) {
  return layer_ ? layer_->write(bytes, size) : transport_write(bytes, size);
}

void stream_core::want_writable() {
  if (std::exchange(watching_write_, true)) return;
  watch_writable();
}

void stream_core::on_writable() {
  if (std::exchange(watching_write_, false)) flush();
}

void stream_core::flush() {
  transfer sent{transfer::status::done, 0, {}};
  if (layer_) sent = layer_->flush();
  while (sent.what == transfer::status::done && queued() != 0) {
    sent = put(out_.data() + out_begin_, queued());
    out_begin_ += sent.bytes;
  }
  if (sent.what == transfer::status::failed || sent.what == transfer::status::end) {
    write_error_ = sent.error ? sent.error : std::make_error_code(std::errc::broken_pipe);
    out_.clear();
    out_begin_ = 0;
  } else if (unsent() != 0) {
    want_writable();
  }
  if (queued() == 0) {
    out_.clear();
    out_begin_ = 0;
    if (out_.capacity() > 4 * chunk) out_.shrink_to_fit();
  }
  if (unsent() == 0 || write_error_) {
    if (eof_requested_ && !write_error_) end_of_writing();
    if (closing_) close_if_done();
  }
  wake_writers();
}

void stream_core::write_eof() {
  if (closing_ || eof_requested_) return;
  eof_requested_ = true;
  if (unsent() == 0) end_of_writing();
}

void stream_core::end_of_writing() {
  if (!layer_) {
    transport_end_of_writing();
    return;
  }
  layer_->end_writing();
  if (layer_->unsent() != 0) want_writable();
}

void stream_core::wake_writers() {
  const auto keep = shared_from_this();  // the last writer may hold the last handle
  writers_.tell();
  if (!closed_) tell_observers(&stream_observer::on_sent);
}

// -- observers --------------------------------------------------------------------------------

void stream_core::add_observer(stream_observer& observer) noexcept {
  observer.next_ = std::exchange(observers_, &observer);
}

void stream_core::remove_observer(stream_observer& observer) noexcept {
  for (stream_observer** at = &observers_; *at != nullptr; at = &(*at)->next_)
    if (*at == &observer) {
      *at = std::exchange(observer.next_, nullptr);
      return;
    }
}

void stream_core::tell_observers(void (stream_observer::*news)()) {
  for (stream_observer* each = observers_; each != nullptr;) {
    stream_observer* const next = each->next_;
    (each->*news)();
    each = next;
  }
}

// -- a layer ----------------------------------------------------------------------------------

std::size_t stream_core::held_by_layer() const noexcept { return layer_->unsent(); }

void stream_core::add_layer(std::unique_ptr<stream_layer> layer) {
  layer->core_ = this;
  layer->below_ = std::move(layer_);
  layer->early_ = buffered();
  consume(layer->early_.size());
  layer_ = std::move(layer);
}

transfer stream_core::open_layer() {
  if (closing_)
    return {transfer::status::failed, 0, std::make_error_code(std::errc::operation_canceled)};
  const transfer step = layer_->open();
  if (step.what == transfer::status::done && queued() != 0)
    flush();
  else if (step.what == transfer::status::done && eof_requested_)
    end_of_writing();
  if (unsent() != 0 && step.what != transfer::status::failed) want_writable();
  return step;
}

// -- ending -----------------------------------------------------------------------------------

void stream_core::close() {
  if (closing_) return;
  const auto keep = shared_from_this();
  closing_ = true;
  if (!close_if_done()) {
    // A peer that does not read must not hold the descriptor for ever.
    closing_state_ = std::make_unique<closing_state>(home_.io());
    set_alarm(layer_ ? layer_->close_timeout() : linger);
    if (here.worker != nullptr) {
      auto actor = make_lean<sending_the_rest>(home_.system(), keep);
      actor->track(shutdown_phase::ordinary);
      actor->pin(home_);
      actor->launch(nullptr, false, true);
      closing_state_->actor = lean_ref<lean_actor>(actor.get());
    }
  }
  wake_reader();
}

void stream_core::set_alarm(duration length) {
  closing_state_->alarm.expires_after(length);
  closing_state_->alarm.async_wait([weak = weak_from_this()](const asio::error_code& failure) {
    if (failure) return;
    if (const auto core = weak.lock()) core->abort();
  });
}

void stream_core::hurry_close() {
  if (closed_ || std::exchange(hurried_, true)) return;
  const auto keep = shared_from_this();
  if (!close_if_done() && layer_) set_alarm(std::min<duration>(linger, layer_->close_timeout()));
}

bool stream_core::close_if_done() {
  if (closed_) return true;
  if (!write_error_) {
    if (unsent() != 0) return false;
    if (layer_) {
      const transfer leave = layer_->close();
      if (closed_) return true;  // by somebody who was woken on the way
      if (unsent() != 0) want_writable();
      if (leave.what == transfer::status::would_block && (unsent() != 0 || !hurried_)) {
        want_readable();
        return false;
      }
    }
  }
  finish_close();
  return true;
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
  tell_observers(&stream_observer::on_closed);
  if (const auto state = std::move(closing_state_); state && state->actor)
    state->actor->enter_or_post([](lean_actor& a) { a.quit(); });
}

}  // namespace buskin::io::detail
