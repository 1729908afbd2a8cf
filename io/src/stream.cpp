#include <buskin/io/stream.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace buskin::io {

namespace detail {

stream_owner::~stream_owner() {
  if (core->closed()) return;
  if (here.worker == &core->home()) {
    core->close();
  } else {
    post_function(core->home(), [core = core] { core->close(); });
  }
}

void read_wait::fail(const transfer& got) const { core_->throw_failed("read from", got.error); }

bool read_some_wait::attempt() {
  if (target_.empty()) return true;
  if (const auto buffered = core_->buffered(); !buffered.empty()) {
    count_ = std::min(buffered.size(), target_.size());
    std::memcpy(target_.data(), buffered.data(), count_);
    core_->consume(count_);
    return true;
  }
  const transfer got = core_->read_into(target_.data(), target_.size());
  if (got.what == transfer::status::would_block) return false;
  if (got.what == transfer::status::failed) fail(got);
  count_ = got.bytes;
  return true;
}

bool read_any_wait::attempt() {
  if (most_ == 0) return true;
  if (const auto buffered = core_->buffered(); !buffered.empty()) {
    bytes_.assign(buffered.substr(0, most_));
    core_->consume(bytes_.size());
    return true;
  }
  thread_local std::array<char, 64 * 1024> scratch;
  const transfer got = core_->read_into(scratch.data(), std::min(most_, scratch.size()));
  if (got.what == transfer::status::would_block) return false;
  if (got.what == transfer::status::failed) fail(got);
  bytes_.assign(scratch.data(), got.bytes);
  return true;
}

bool read_exactly_wait::attempt() {
  for (;;) {
    if (const auto buffered = core_->buffered(); buffered.size() >= size_) {
      bytes_.assign(buffered.substr(0, size_));
      core_->consume(size_);
      return true;
    }
    const transfer got = core_->fill();
    if (got.what == transfer::status::would_block) return false;
    if (got.what == transfer::status::failed) fail(got);
    if (got.what == transfer::status::end) {
      std::string partial(core_->buffered());
      core_->consume(partial.size());
      throw incomplete_read(std::move(partial), size_);
    }
  }
}

bool read_until_wait::attempt() {
  for (;;) {
    const auto buffered = core_->buffered();
    const auto found = buffered.find(separator_, searched_);
    const std::size_t content = found == std::string_view::npos ? buffered.size() : found;
    if (content > limit_)
      throw limit_overrun(
          "no separator within " + std::to_string(limit_) + " bytes from " + core_->describe(),
          limit_);
    if (found != std::string_view::npos) {
      bytes_.assign(buffered.substr(0, found + separator_.size()));
      core_->consume(bytes_.size());
      return true;
    }
    // A separator may have begun at the very end.
    searched_ = buffered.size() - std::min(buffered.size(), separator_.size() - 1);
    const transfer got = core_->fill();
    if (got.what == transfer::status::would_block) return false;
    if (got.what == transfer::status::failed) fail(got);
    if (got.what == transfer::status::end) {
      std::string partial(core_->buffered());
      core_->consume(partial.size());
      throw incomplete_read(std::move(partial), partial.size() + separator_.size());
    }
  }
}

bool drain_wait::attempt() {
  if (accept_) {
    core_->write(*std::exchange(accept_, std::nullopt));
  } else if (core_->write_error()) {
    core_->throw_closed("write to");
  }
  return core_->unsent() <= mark_;
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

namespace {

/// Calls it now on the core's worker, else soon.
void on_home(const std::shared_ptr<detail::stream_core>& core,
             void (detail::stream_core::*operation)()) {
  if (detail::here.worker == &core->home())
    (core.get()->*operation)();
  else
    detail::post_function(core->home(), [core, operation] { (core.get()->*operation)(); });
}

}  // namespace

void stream::write_eof() const { on_home(core(), &detail::stream_core::write_eof); }
void stream::close() const { on_home(core(), &detail::stream_core::close); }
void stream::abort() const { on_home(core(), &detail::stream_core::abort); }

detail::read_until_wait stream::read_until(std::string separator, std::size_t limit,
                                           std::source_location where) const {
  if (separator.empty())
    throw std::invalid_argument("read_until needs a separator that is not empty");
  return {core(), std::move(separator), limit, where};
}

}  // namespace buskin::io
