// A first-in first-out queue between tasks, with an optional bound. asyncio's Queue, as an actor.
#pragma once

#include <buskin/actors/detail/queue_actor.hpp>
#include <buskin/actors/detail/queue_waits.hpp>
#include <buskin/actors/queue_end.hpp>
#include <buskin/runtime/errors.hpp>

#include <cstddef>
#include <source_location>
#include <utility>

namespace buskin {

/// A queue of `T`s; copies of this object are the same queue. Any thread of its runtime.
///
/// Getters and putters are served strictly in the order in which they came. The message face, for a
/// `T` that can be copied:
/// `(get_item)` answers `T`; `(put_item, T)` answers nothing, when there is room; both answer an
/// error after a shutdown.
template <class T>
class queue {
 public:
  /// `capacity` 0: unbounded. Inside a running runtime.
  explicit queue(std::size_t capacity = 0) : queue(detail::system_here("queue"), capacity) {}
  queue(caf::actor_system& system, std::size_t capacity)
      : actor_(detail::make_broker<detail::queue_actor<T>>(system, capacity)) {}

  /// Awaits the oldest item. Throws queue_shutdown when the queue was shut down and is empty.
  /// Cancellation: takes nothing; an item that was on its way goes to the next getter or back to
  /// the front.
  detail::queue_get<T> get(std::source_location where = std::source_location::current()) const {
    return {actor_, where};
  }

  /// Awaits room and puts `item` at the end. Throws queue_shutdown after a shutdown.
  /// Cancellation: either the item was put and this returns, or it was not and `cancelled` is
  /// thrown.
  detail::queue_put<T> put(T item,
                           std::source_location where = std::source_location::current()) const {
    return {actor_, std::move(item), where};
  }

  /// The oldest item, or throws queue_empty or queue_shutdown.
  T get_nowait() const {
    if (auto item = actor_->try_get()) return std::move(*item);
    throw queue_empty();
  }
  /// Puts at once, or throws queue_full or queue_shutdown.
  void put_nowait(T item) const {
    if (!actor_->try_put(item)) throw queue_full();
  }

  /// Says that an item that was taken has been dealt with. Throws invalid_state when called more
  /// often than items were put.
  void task_done() const { actor_->task_done(); }
  /// Awaits that every item ever put was taken and marked as done.
  detail::queue_join<T> join(std::source_location where = std::source_location::current()) const {
    return {actor_, where};
  }

  /// No more items: waiting and later putters, and getters of an empty queue, fail with
  /// queue_shutdown.
  void shutdown(queue_end how = queue_end::graceful) const { actor_->shut_down(how); }

  std::size_t size() const { return actor_->size(); }
  bool empty() const { return size() == 0; }
  bool full() const { return capacity() != 0 && size() >= capacity(); }
  /// 0 for unbounded.
  std::size_t capacity() const noexcept { return actor_->capacity(); }
  /// How many wait to get, and to put.
  std::size_t getter_count() const { return actor_->getters(); }
  std::size_t putter_count() const { return actor_->putters(); }

  /// The message face.
  caf::actor actor() const { return actor_.handle(); }

 private:
  lean_ref<detail::queue_actor<T>> actor_;
};

}  // namespace buskin
