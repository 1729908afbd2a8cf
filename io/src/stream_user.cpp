#include "stream_user.hpp"

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace buskin::io::detail {

stream_user::stream_user(caf::actor_config& config, std::shared_ptr<stream_core> core)
    : lean_actor(config), core_(std::move(core)) {
  pin(core_->home());
  hold();
}

stream_user::~stream_user() = default;

void stream_user::on_start() {
  core_->add_observer(*this);
  observing_ = true;
  if (core_->closed()) signal();
}

// -- reading ------------------------------------------------------------------------------------

void stream_user::start_reading() {
  if (wants_ || core_->closing()) return;
  if (core_->has_reader())
    throw invalid_state(core_->describe() +
                        " is read by somebody else; one at a time may be the reader");
  wants_ = true;
  signal();
}

void stream_user::stop_reading() noexcept {
  wants_ = false;
  leave_reading();
}

void stream_user::leave_reading() noexcept {
  if (std::exchange(listening_, false)) core_->forget_reader(*this);
}

transfer stream_user::read_into(std::span<char> target) {
  if (const auto buffered = core_->buffered(); !buffered.empty()) {
    const std::size_t count = std::min(buffered.size(), target.size());
    std::memcpy(target.data(), buffered.data(), count);
    core_->consume(count);
    return transfer::moved(count);
  }
  return core_->read_into(target.data(), target.size());
}

void stream_user::pump() {
  for (int reads = 0; wants_ && !quitting();) {
    if (!listening_ && core_->has_reader())
      return on_read_failed(std::make_exception_ptr(
          invalid_state(core_->describe() + " got another reader meanwhile")));
    if (++reads > reads_a_turn) {
      again();
      return;
    }
    const transfer got = read_once();
    if (got.what == transfer::status::done) continue;
    if (got.what == transfer::status::would_block) {
      if (wants_ && !std::exchange(listening_, true)) core_->set_reader(*this);
      return;
    }
    if (!wants_) return;
    stop_reading();
    if (got.what == transfer::status::end) return on_end_of_stream();
    if (core_->closing()) return;  // that is told of elsewhere
    try {
      core_->throw_failed("read from", got.error);
    } catch (...) {
      return on_read_failed(std::current_exception());
    }
  }
}

// -- news ---------------------------------------------------------------------------------------

void stream_user::on_signal() {
  if (quitting()) return;
  try {
    if (std::exchange(sent_, false)) on_less_unsent();
    on_other_news();
    if (wants_) pump();
    if (core_->closed() && !quitting() && !std::exchange(told_closed_, true)) {
      stop_reading();
      on_stream_closed();
    }
  } catch (...) {
    on_broken(std::current_exception());
  }
}

void stream_user::on_end() noexcept {
  stop_reading();
  if (std::exchange(observing_, false)) core_->remove_observer(*this);
  core_->abort();
  drop();
}

}  // namespace buskin::io::detail
