#include <buskin/io/stream.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include "on_home.hpp"
#include "read_scratch.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace buskin::io {

namespace detail {

stream_owner::~stream_owner() {
  on_home(core, [](stream_core& c) { c.close(); });
}

// -- reading ------------------------------------------------------------------------------------

void read_wait::fail(const std::error_code& error) const {
  core_->throw_failed("read from", error);
}

bool read_wait::fill(bool& ended) {
  const transfer got = core_->fill();
  if (got.what == transfer::status::failed) fail(got.error);
  ended = got.what == transfer::status::end;
  return got.what != transfer::status::would_block;
}

bool read_some_wait::attempt() {
  check_whole();
  if (target_.empty()) return true;
  if (const auto buffered = core_->buffered(); !buffered.empty()) {
    count_ = std::min(buffered.size(), target_.size());
    std::memcpy(target_.data(), buffered.data(), count_);
    core_->consume(count_);
    return true;
  }
  const transfer got = core_->read_into(target_.data(), target_.size());
  if (got.what == transfer::status::would_block) return false;
  if (got.what == transfer::status::failed) fail(got.error);
  count_ = got.bytes;
  return true;
}

void read_bytes_wait::take(std::size_t count) {
  bytes_.assign(core_->buffered().substr(0, count));
  core_->consume(bytes_.size());
}

bool read_any_wait::attempt() {
  check_whole();
  if (most_ == 0) return true;
  if (!core_->buffered().empty()) {
    take(most_);
    return true;
  }
  const read_scratch landing;
  const auto scratch = landing.bytes();
  const transfer got = core_->read_into(scratch.data(), std::min(most_, scratch.size()));
  if (got.what == transfer::status::would_block) return false;
  if (got.what == transfer::status::failed) fail(got.error);
  bytes_.assign(scratch.data(), got.bytes);
  return true;
}

bool read_all_wait::attempt() {
  check_whole();
  for (bool ended = false;;) {
    if (const auto size = core_->buffered().size(); size > limit_)
      throw limit_overrun("more than " + std::to_string(limit_) + " bytes come from " +
                              core_->describe() + "; they can be read piece by piece",
                          limit_, size);
    if (ended) {
      take(core_->buffered().size());
      return true;
    }
    if (!fill(ended)) return false;
  }
}

bool read_exactly_wait::attempt() {
  check_whole();
  for (bool ended = false;;) {
    if (core_->buffered().size() >= size_) {
      take(size_);
      return true;
    }
    if (ended) {
      take(size_);
      throw incomplete_read(std::move(bytes_), size_);
    }
    if (!fill(ended)) return false;
  }
}

bool read_until_wait::attempt() {
  check_whole();
  for (bool ended = false;;) {
    const auto buffered = core_->buffered();
    const auto found = ends_.find(buffered, searched_);
    // A separator may have begun at the very end.
    searched_ = buffered.size() - std::min(buffered.size(), ends_.longest() - 1);
    if (const std::size_t content = found ? found->begin : searched_; content > limit_)
      throw limit_overrun("no separator within " + std::to_string(limit_) + " bytes from " +
                              core_->describe() + "; they can still be read",
                          limit_, content);
    if (found) {
      take(found->end);
      return true;
    }
    if (ended) {
      take(buffered.size());
      if (rest_ == rest::is_taken) return true;
      const std::size_t expected = bytes_.size() + ends_.shortest();
      throw incomplete_read(std::move(bytes_), expected);
    }
    if (!fill(ended)) return false;
  }
}

// -- writing ------------------------------------------------------------------------------------

bool writer_wait::first_time() {
  if (!std::exchange(begun_, true)) return true;
  if (core_->write_error()) core_->throw_closed("write to");
  return false;
}

bool write_wait::attempt() {
  if (first_time()) core_->write(bytes_);
  return !core_->paused();
}

bool write_pieces_wait::attempt() {
  if (first_time()) core_->write(pieces_);
  return !core_->paused();
}

bool drain_wait::attempt() {
  if (first_time() && (core_->closing() || core_->write_error())) core_->throw_closed("drain");
  return core_->unsent() == 0;
}

bool closed_wait::attempt() {
  if (!core_->closed()) return false;
  if (core_->lost()) throw std::system_error(core_->lost(), core_->describe() + " was lost");
  return true;
}

}  // namespace detail

stream::stream(std::shared_ptr<detail::stream_core> core)
    : owner_(std::make_shared<detail::stream_owner>(std::move(core))) {}

const std::shared_ptr<detail::stream_core>& stream::core() const {
  if (!owner_) throw invalid_state("this stream refers to nothing; it was default-constructed");
  return owner_->core;
}

const std::shared_ptr<detail::stream_core>& detail::core_of(const stream& bytes) {
  return bytes.core();
}

void stream::write_nowait(std::string_view bytes) const {
  if (!core()->is_home())
    throw invalid_state("write_nowait on " + describe() +
                        " is for the stream's own worker; await a write first, which moves there");
  core()->write(bytes);
}

void stream::write_eof() const {
  if (!core()->can_end_writing())
    throw std::system_error(std::make_error_code(std::errc::operation_not_supported),
                            "cannot end only the sending direction of " + describe() +
                                "; close it, or tell the other end by what is sent");
  detail::on_home(core(), [](detail::stream_core& c) { c.write_eof(); });
}

void stream::close() const {
  detail::on_home(core(), [](detail::stream_core& c) { c.close(); });
}
void stream::abort(std::error_code why) const {
  detail::on_home(core(), [why](detail::stream_core& c) { c.abort(why); });
}

void stream::set_water_marks(std::size_t low, std::size_t high) const {
  if (low > high)
    throw std::invalid_argument("the low-water mark (" + std::to_string(low) +
                                ") of a stream is above its high-water mark (" +
                                std::to_string(high) + ")");
  detail::on_home(core(), [low, high](detail::stream_core& c) { c.set_water_marks(low, high); });
}

std::string to_string(const stream& which) {
  if (!which) return "a stream that refers to nothing";
  const auto& core = *which.core();
  std::string text = core.describe();
  const char* before = ": ";
  const auto add = [&](const std::string& what) { text += std::exchange(before, ", ") + what; };
  if (const auto size = core.buffered().size(); size != 0)
    add(std::to_string(size) + " bytes buffered");
  if (core.at_end()) add("read to the end");
  if (core.has_reader()) add("a task reads");
  if (core.unsent() != 0) add(std::to_string(core.unsent()) + " bytes unsent");
  if (core.paused()) add("writing waits");
  if (core.has_gap()) add("a file is sent");
  if (core.write_ended()) add("writing ended");
  if (core.closing()) add(core.closed() ? "closed" : "closing");
  if (core.lost()) add(core.lost().message());
  return text;
}

}  // namespace buskin::io
