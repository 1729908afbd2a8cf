// Mutual exclusion between tasks. asyncio's Lock, as an actor.
#pragma once

#include <buskin/actors/semaphore.hpp>

#include <source_location>
#include <string>
#include <utility>

namespace buskin {

/// A lock; copies of this object are the same lock. Any thread of its runtime.
///
/// It is handed over strictly in the order in which it was asked for. As in asyncio it has no
/// owner: any task may release it, and a task that acquires it twice waits for itself. What a task
/// or an actor has acquired and not released when it ends is released then. The message face is the
/// semaphore's, and so is what differs in another process.
class lock {
 public:
  /// Inside a running runtime.
  lock() : permits_("buskin.lock", 1, 1) {}
  /// The lock whose `actor()` that is, here or in another process. Throws std::invalid_argument
  /// when it is none.
  static lock at(const caf::actor& whom) { return lock(detail::permits("lock", whom)); }

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
  bool try_acquire() const { return permits_.try_acquire("lock::try_acquire"); }
  /// Throws invalid_state when it is not held.
  void release() const { permits_.release("lock"); }

  bool is_locked() const { return permits_.available("lock::is_locked") == 0; }
  std::size_t waiter_count() const { return permits_.waiters("lock::waiter_count"); }
  caf::actor actor() const { return permits_.actor(); }

 private:
  friend class held<lock>;
  friend class condition;
  friend std::string to_string(const lock& l);
  explicit lock(detail::permits found) noexcept : permits_(std::move(found)) {}
  void end_hold(const caf::actor_addr& holder) const noexcept { permits_.end_hold("lock", holder); }

  detail::permits permits_;
};

/// "lock, free" or "lock, held, 2 wait"; "lock 17, in another process".
std::string to_string(const lock& l);

}  // namespace buskin
