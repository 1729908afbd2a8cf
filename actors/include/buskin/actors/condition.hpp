// Waiting for a state that a lock protects. asyncio's Condition.
#pragma once

#include <buskin/actors/detail/broker_ref.hpp>
#include <buskin/actors/event.hpp>
#include <buskin/actors/lock.hpp>
#include <buskin/runtime/task.hpp>

#include <cstddef>
#include <limits>
#include <source_location>
#include <utility>

namespace buskin {

namespace detail {

class condition_actor;

}  // namespace detail

/// A condition; copies of this object are the same one. Tasks of its runtime, which hold its lock
/// while they wait or notify.
///
/// The message face, for actors that hold the lock by a message: `(await_condition)` gives the lock
/// up, and is answered when there was a notification and the lock is the sender's again;
/// `(notify_condition)` wakes one, `(notify_condition, std::uint64_t)` so many. `(acquire_permit)`
/// and `(release_permit)` go on to the lock: what an actor sends to the condition alone is done in
/// the order of sending. If the answer to a wait comes too late for the asker's deadline, or finds
/// it dead, the lock goes to the next one, and the notification to another waiter.
///
/// In another process `hold` and `wait` are the same, but that a wait whose notification came
/// before its cancellation got there returns, and the cancellation surfaces at the next suspension.
/// `notify` is sent and goes on; its error is not seen. `waiter_count` throws invalid_state.
class condition {
 public:
  /// With a lock of its own, or with one that is shared. Inside a running runtime.
  condition() : condition(lock()) {}
  explicit condition(lock with);
  /// The condition whose `actor()` that is, here or in another process; its lock is reached through
  /// it. Throws std::invalid_argument when it is none.
  static condition at(const caf::actor& whom);

  /// Gives the lock up, awaits a notification, and takes the lock again; holds it also when it
  /// throws. Throws invalid_state when the lock is not held. Cancellation: comes out, with the same
  /// exception object, after the lock was taken again; a notification that came is passed on to
  /// another waiter.
  task<void> wait(std::source_location where = std::source_location::current()) const;

  /// Waits until `predicate()` is true; asked with the lock held, at first and at each
  /// notification.
  template <class Predicate>
  task<void> wait_for(Predicate predicate,
                      std::source_location where = std::source_location::current()) const {
    const condition self = *this;  // the object this was called on may be gone by then
    while (!predicate()) co_await self.wait(where);
  }

  /// Wakes `count` waiters, in the order in which they began to wait. They go on when the lock is
  /// free. Throws invalid_state when the lock is not held.
  void notify(std::size_t count = 1) const;
  void notify_all() const { notify(std::numeric_limits<std::size_t>::max()); }

  const lock& mutex() const noexcept { return lock_; }
  /// `co_await c.hold()` yields a guard on the lock.
  auto hold(std::source_location where = std::source_location::current()) const {
    return lock_.hold(where);
  }
  std::size_t waiter_count() const;
  caf::actor actor() const;

 private:
  class without_lock;
  static task<void> wait_on(condition self, std::source_location where);
  condition(detail::broker_ref<detail::condition_actor> actor, lock its_lock) noexcept;

  lock lock_;
  detail::broker_ref<detail::condition_actor> actor_;
};

}  // namespace buskin
