// A timer of an actor that is not a coroutine.
#pragma once

#include <buskin/runtime/detail/timer_queue.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <atomic>

namespace buskin::detail {

/// Gives its actor a turn when it is due; the actor asks `take` which of its timers that was. A
/// member of the actor.
class actor_timer : private timer {
 public:
  explicit actor_timer(lean_actor& owner) noexcept : timer(&on_fire), owner_(owner) {}

  /// In the owner's turn.
  void set(duration delay);
  void clear() noexcept {
    disarm();
    due_.store(false, std::memory_order_relaxed);
  }
  bool pending() const noexcept { return armed() || due_.load(std::memory_order_relaxed); }
  /// True once after it was due.
  bool take() noexcept { return due_.exchange(false, std::memory_order_acq_rel); }

 private:
  static void on_fire(timer& t) noexcept;
  lean_actor& owner_;
  std::atomic<bool> due_{false};
};

}  // namespace buskin::detail
