// Mutual exclusion between tasks. asyncio's Lock, as an actor.
#pragma once

#include <buskin/actors/semaphore.hpp>

#include <source_location>
#include <string>

namespace buskin {

/// A lock; copies of this object are the same lock. Any thread of its runtime.
///
/// It is handed over strictly in the order in which it was asked for. As in asyncio it has no
/// owner: any task may release it, and a task that acquires it twice waits for itself. What a task
/// or an actor has acquired and not released when it ends is released then. The message face is the
/// semaphore's.
class lock {
 public:
  /// Inside a running runtime.
  lock() : permits_("buskin.lock", 1, 1) {}

  /// Awaits the lock. Cancellation: does not take it; if it was granted already, the next one gets
  /// it.
  detail::permit_wait acquire(std::source_location where = std::source_location::current()) const {
    return permits_.acquire(wait_kind::lock, where);
  }
  /// The same; yields a guard that releases at the end of its scope.
  detail::hold_awaiter<lock> hold(
      std::source_location where = std::source_location::current()) const {
    return {*this, permits_, wait_kind::lock, where};
  }
  /// Takes the lock if it is free.
  bool try_acquire() const { return permits_.try_acquire(); }
  /// Throws invalid_state when it is not held.
  void release() const { permits_.release("lock"); }

  bool is_locked() const { return permits_.available() == 0; }
  std::size_t waiter_count() const { return permits_.waiters(); }
  caf::actor actor() const { return permits_.actor(); }

 private:
  friend class held<lock>;
  friend class condition;
  void end_hold(const caf::actor_addr& holder) const noexcept { permits_.end_hold("lock", holder); }

  detail::permits permits_;
};

/// "lock, free" or "lock, held, 2 wait".
std::string to_string(const lock& l);

}  // namespace buskin
