// A callback that was asked for later.
#pragma once

#include <buskin/runtime/clock.hpp>

#include <memory>

namespace buskin {

/// A callback that was asked for later (asyncio's TimerHandle). Dropping the handle does not cancel
/// it.
class timer_handle {
 public:
  timer_handle() = default;
  /// Any thread, at any time. True: the call was prevented, and what the callback held is released.
  /// False: it was made, is being made now, or was cancelled before. Never waits.
  bool cancel() noexcept;
  /// When it is due; the beginning of time for an empty handle.
  time_point when() const noexcept;

 private:
  friend class runtime;
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace buskin
