#include <buskin/io/detail/stream_layer.hpp>
#include <buskin/runtime/detail/scheduler.hpp>

#include <utility>

namespace buskin::io::detail {

stream_gap::stream_gap(std::shared_ptr<stream_core> core)
    : core_(std::move(core)), at_(core_->passed_ + core_->queued()) {
  if (core_->closing_ || core_->eof_requested_ || core_->write_error_)
    core_->throw_closed("send a file over");
  stream_gap** last = &core_->gaps_;
  while (*last != nullptr) last = &(*last)->next_;
  *last = this;
}

stream_gap::~stream_gap() { core_->remove_gap(*this); }

bool stream_gap::reached() const {
  if (core_->write_error_) core_->throw_closed("send a file over");
  return core_->gaps_ == this && at_ <= core_->passed_;
}

transfer stream_gap::write(const char* bytes, std::size_t size) {
  const transfer took = core_->put(bytes, size);
  if (took.what == transfer::status::failed || took.what == transfer::status::end)
    core_->break_writing(took);
  else if (took.what == transfer::status::would_block || core_->unsent() != core_->queued())
    core_->want_writable();
  return took;
}

transfer stream_gap::send_file(int descriptor, std::uint64_t offset, std::size_t count) {
  const std::error_code no_way = std::make_error_code(std::errc::operation_not_supported);
  if (core_->layer_) return {transfer::status::failed, 0, no_way};
  const transfer sent = core_->transport_send_file(descriptor, offset, count);
  if (sent.what == transfer::status::would_block) core_->want_writable();
  return sent;
}

void stream_core::remove_gap(stream_gap& gap) noexcept {
  for (stream_gap** at = &gaps_; *at != nullptr; at = &(*at)->next_)
    if (*at == &gap) {
      *at = gap.next_;
      break;
    }
  // What waited behind it; in a turn of its own, for this one may be anywhere.
  post_home([weak = weak_from_this()] {
    if (const auto core = weak.lock()) core->flush();
  });
}

void stream_core::tell_gap() {
  if (gaps_ == nullptr || gaps_->told_ == nullptr) return;
  if (write_error_ || sendable() == 0) gaps_->told_->on_news();
}

}  // namespace buskin::io::detail
