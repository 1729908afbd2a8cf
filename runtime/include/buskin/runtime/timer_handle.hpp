// A callback that was asked for later.
#pragma once

#include <buskin/runtime/clock.hpp>

#include <memory>

namespace buskin {

/// A callback that was asked for, soon or later (asyncio's Handle and TimerHandle). Dropping the
/// handle does not cancel it.
class timer_handle {
 public:
  timer_handle() = default;
  /// Any thread, at any time. True: the call was prevented, and what the callback held is released.
  /// False: it was made, is being made now, or was cancelled before. Never waits.
  bool cancel() noexcept;
  /// When it is due, for `call_soon` when it was asked for; the beginning of time for an empty
  /// handle.
  time_point when() const noexcept { return when_; }

 private:
  friend class runtime;
  struct state;
  timer_handle(const std::shared_ptr<state>& callback, time_point when) noexcept
      : state_(callback), when_(when) {}
  std::weak_ptr<state> state_;  // kept by whoever will make the call
  time_point when_{};
};

}  // namespace buskin
