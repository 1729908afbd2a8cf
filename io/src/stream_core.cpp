#include <buskin/io/detail/stream_core.hpp>

#include <buskin/io/detail/stream_layer.hpp>
#include <buskin/io/tls_error.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include "read_scratch.hpp"

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
           (core_->unsent() != 0 || core_->has_gap() ? "with bytes to send"
                                                     : "waiting for the peer's notice");
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
    if (in_.capacity() > 4 * chunk) in_.shrink_to_fit();
  }
}

transfer stream_core::read_into(char* target, std::size_t size) {
  if (reader_lost_) return {transfer::status::end, 0, {}};
  if (closing_)
    return {transfer::status::failed, 0, std::make_error_code(std::errc::operation_canceled)};
  const transfer got = layer_ ? layer_->read(target, size) : transport_read(target, size);
  // What was read may have to be answered.
  if (layer_ && layer_->unsent() != 0) want_writable();
  if (got.what == transfer::status::end) read_ended_ = true;
  // Bytes that somebody was too slow for are missing, but more will come.
  if (got.what == transfer::status::failed && got.error != std::errc::no_buffer_space) {
    read_error_ = got.error;
    if (!lost_) lost_ = got.error;
  }
  return got;
}

transfer stream_core::fill() {
  if (in_begin_ != 0) {
    in_.erase(0, in_begin_);
    in_begin_ = 0;
  }
  // The buffer is as large as what is in it.
  const read_scratch landing;
  const transfer got = read_into(landing.bytes().data(), read_scratch::size);
  in_.append(landing.bytes().data(), got.bytes);
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
  text += hint(error);
  throw std::system_error(error, text);
}

void stream_core::check_writing() {
  if (closing_ || eof_requested_ || write_error_) throw_closed("write to");
}

void stream_core::break_writing(const transfer& failed) {
  write_error_ = failed.error ? failed.error : std::make_error_code(std::errc::broken_pipe);
  if (!lost_) lost_ = write_error_;
  drop_unsent();
}

void stream_core::drop_unsent() noexcept {
  passed_ += queued();
  out_.clear();
  out_begin_ = 0;
  paused_ = false;
}

void stream_core::drop_output() {
  drop_unsent();
  flush();
}

void stream_core::keep_unsent(std::string_view bytes) {
  if (out_begin_ > chunk && out_begin_ > out_.size() / 2) {
    out_.erase(0, out_begin_);
    out_begin_ = 0;
  }
  out_.append(bytes);
}

void stream_core::write(std::string_view bytes) {
  check_writing();
  if (all_sent()) {
    while (!bytes.empty()) {
      const transfer took = put(bytes.data(), bytes.size());
      if (took.what == transfer::status::failed || took.what == transfer::status::end) {
        break_writing(took);
        throw_closed("write to");
      }
      if (took.what == transfer::status::would_block) break;
      bytes.remove_prefix(took.bytes);
    }
    if (bytes.empty() && unsent() != 0) want_writable();
  }
  if (!bytes.empty()) {
    keep_unsent(bytes);
    // Behind a gap it is not the transport that it waits for.
    if (gaps_ == nullptr) want_writable();
  }
  if (unsent() > high_water_) paused_ = true;
}

void stream_core::write(std::span<const std::string_view> pieces) {
  check_writing();
  std::size_t skip = 0;  // of the first piece
  const bool at_once = all_sent();
  const auto drop_taken = [&] {
    while (!pieces.empty() && skip >= pieces.front().size()) {
      skip -= pieces.front().size();
      pieces = pieces.subspan(1);
    }
  };
  drop_taken();
  // A layer gets them as one, below: what it makes of each has a size of its own.
  while (at_once && !layer_ && !pieces.empty()) {
    const transfer took = transport_write_pieces(pieces, skip);
    if (took.what == transfer::status::failed || took.what == transfer::status::end) {
      break_writing(took);
      throw_closed("write to");
    }
    if (took.what == transfer::status::would_block) break;
    skip += took.bytes;
    drop_taken();
  }
  for (; !pieces.empty(); pieces = pieces.subspan(1))
    keep_unsent(pieces.front().substr(std::exchange(skip, 0)));
  if (at_once && layer_ && queued() != 0) {
    flush();
    if (write_error_) throw_closed("write to");
  } else if (queued() != 0 && gaps_ == nullptr) {
    want_writable();
  }
  if (unsent() > high_water_) paused_ = true;
}

transfer stream_core::transport_write_pieces(std::span<const std::string_view> pieces,
                                             std::size_t skip) {
  transfer all{transfer::status::done, 0, {}};
  for (const auto each : pieces) {
    const auto piece = each.substr(std::exchange(skip, 0));
    if (piece.empty()) continue;
    const transfer took = transport_write(piece.data(), piece.size());
    all.bytes += took.bytes;
    if (took.what != transfer::status::done) return all.bytes != 0 ? all : took;
    if (took.bytes != piece.size()) break;
  }
  return all;
}

transfer stream_core::transport_send_file(int, std::uint64_t, std::size_t) {
  return {transfer::status::failed, 0, std::make_error_code(std::errc::operation_not_supported)};
}

void stream_core::set_water_marks(std::size_t low, std::size_t high) {
  low_water_ = low;
  high_water_ = high;
  if (unsent() > high)
    paused_ = true;
  else if (unsent() <= low && std::exchange(paused_, false))
    wake_writers();
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
  if (closed_) return;
  const auto keep = shared_from_this();  // whoever is told may hold the last handle
  transfer sent{transfer::status::done, 0, {}};
  if (layer_) sent = layer_->flush();
  while (sent.what == transfer::status::done && sendable() != 0) {
    sent = put(out_.data() + out_begin_, sendable());
    out_begin_ += sent.bytes;
    passed_ += sent.bytes;
  }
  if (sent.what == transfer::status::failed || sent.what == transfer::status::end)
    break_writing(sent);
  else if (unsent() != queued() || sendable() != 0)
    want_writable();
  if (queued() == 0) {
    out_.clear();
    out_begin_ = 0;
    if (out_.capacity() > 4 * chunk) out_.shrink_to_fit();
  }
  if (unsent() <= low_water_) paused_ = false;
  if (all_sent() || write_error_) {
    if (eof_requested_ && !write_error_) end_of_writing();
    if (closing_) close_if_done();
  }
  wake_writers();
  tell_gap();
}

void stream_core::write_eof() {
  if (closing_ || eof_requested_) return;
  eof_requested_ = true;
  if (all_sent()) end_of_writing();
}

void stream_core::end_of_writing() {
  if (std::exchange(eof_sent_, true)) return;
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
  drainers_.tell();
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
  read_ended_ = false;  // above the layer it is another end
  consume(layer->early_.size());
  layer_ = std::move(layer);
}

transfer stream_core::open_layer() {
  if (closing_)
    return {transfer::status::failed, 0, std::make_error_code(std::errc::operation_canceled)};
  const transfer step = layer_->open();
  // A wish from before was for the handshake's own bytes, and is fulfilled or made anew.
  if (step.what == transfer::status::done) watching_write_ = false;
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
    closing_state_ = std::make_unique<closing_state>(home().io());
    set_alarm(layer_ ? layer_->close_timeout() : linger);
    if (here.worker != nullptr) {
      auto actor = make_lean<sending_the_rest>(home().system(), keep);
      actor->track(shutdown_phase::ordinary);
      actor->pin(home());
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
    const auto core = weak.lock();
    if (!core) return;
    if (!core->lost_ && !core->all_sent()) core->lost_ = std::make_error_code(std::errc::timed_out);
    core->abort();
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
    if (!all_sent()) return false;
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

void stream_core::abort(std::error_code why) {
  if (closed_) return;
  const auto keep = shared_from_this();
  closing_ = true;
  drop_unsent();
  if (why) read_error_ = write_error_ = lost_ = why;
  if (!write_error_) write_error_ = std::make_error_code(std::errc::connection_aborted);
  finish_close();
  wake_reader();
  wake_writers();
  tell_gap();
}

void stream_core::lose_reader() {
  if (closed_) return;
  const auto keep = shared_from_this();
  reader_lost_ = true;
  if (!all_sent() && !write_error_) break_writing({transfer::status::end, 0, {}});
  closing_ = true;
  finish_close();
  wake_reader();
  wake_writers();
  tell_gap();
}

void stream_core::abandon() noexcept {
  closing_ = closed_ = true;
  if (!write_error_) write_error_ = std::make_error_code(std::errc::connection_aborted);
}

void stream_core::finish_close() {
  if (closed_) return;
  closed_ = true;
  transport_close();
  tell_observers(&stream_observer::on_closed);
  if (const auto state = std::move(closing_state_); state && state->actor)
    state->actor->enter_or_post([](lean_actor& a) { a.quit(); });
  const auto keep = shared_from_this();  // who waits may hold the last handle
  closers_.tell();
}

}  // namespace buskin::io::detail
