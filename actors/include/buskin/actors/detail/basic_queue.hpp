// What queue, lifo_queue and priority_queue have in common: everything but the order in which items
// come out. asyncio's Queue, as an actor.
#pragma once

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/broker_ref.hpp>
#include <buskin/actors/detail/far_request.hpp>
#include <buskin/actors/detail/queue_actor.hpp>
#include <buskin/actors/detail/queue_items.hpp>
#include <buskin/actors/detail/queue_waits.hpp>
#include <buskin/actors/queue_end.hpp>
#include <buskin/actors/queue_options.hpp>
#include <buskin/runtime/errors.hpp>

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <utility>

namespace buskin::detail {

/// A queue; copies of this object are the same queue. Any thread of its runtime.
///
/// Getters and putters are served strictly in the order in which they came. The message face:
/// `(get_item)` answers `T`; `(put_item, T)` answers nothing, when there is room; both for a `T`
/// that can be copied. `(item_done)`, `(await_done)` and `(shut_down_queue)` are `task_done`,
/// `join` and a graceful `shutdown`, `(drop_queue)` an immediate one. Errors are the exceptions
/// below. An item whose answer came too late for the asker's deadline, or found it dead, goes to
/// the next getter or back to the front.
///
/// `at(actor)` is the queue whose `actor()` that is, also of one in another process (`T` travels in
/// messages then). What is awaited is the same there; `task_done` and `shutdown` are sent and go
/// on, so that their errors are not seen; everything else throws invalid_state.
template <class T, class Items>
class basic_queue {
  using actor_type = queue_actor<T, Items>;

 public:
  using value_type = T;

  /// `capacity` 0: unbounded; a full queue lets putters wait. Inside a running runtime.
  explicit basic_queue(std::size_t capacity = 0)
      : basic_queue(queue_options{.capacity = capacity}) {}
  /// Throws std::invalid_argument for options that contradict each other.
  explicit basic_queue(queue_options options)
      : basic_queue(system_here(Items::kind), std::move(options)) {}
  basic_queue(caf::actor_system& system, std::size_t capacity)
      : basic_queue(system, queue_options{.capacity = capacity}) {}
  basic_queue(caf::actor_system& system, queue_options options)
      : actor_(make_broker<actor_type>(system, std::move(options))) {}
  /// One that was found.
  explicit basic_queue(broker_ref<actor_type> actor) noexcept : actor_(std::move(actor)) {}

  /// Awaits the next item. Throws queue_shutdown when the queue was shut down and is empty.
  /// Cancellation: takes nothing; an item that was on its way goes to the next getter or back to
  /// where it was.
  queue_get<actor_type> get(std::source_location where = std::source_location::current()) const {
    return {actor_, where};
  }

  /// Awaits room and puts `item`. Throws queue_shutdown after a shutdown, and queue_full where a
  /// full queue refuses. Cancellation: either the item was put and this returns, or it was not and
  /// `cancelled` is thrown.
  queue_put<actor_type> put(T item,
                            std::source_location where = std::source_location::current()) const {
    return {actor_, std::move(item), where};
  }

  /// The next item, or throws queue_empty or queue_shutdown.
  T get_nowait() const {
    if (auto item = here_for("queue::get_nowait", await_get).try_get()) return std::move(*item);
    throw queue_empty();
  }
  /// The next item, or none. Throws queue_shutdown.
  std::optional<T> try_get() const { return here_for("queue::try_get", await_get).try_get(); }
  /// Puts at once, or throws queue_full or queue_shutdown.
  void put_nowait(T item) const {
    if (!here_for("queue::put_nowait", await_put).try_put(item)) throw queue_full();
  }
  /// Puts at once; false, and `item` as it was, when there is no room. Throws queue_shutdown, and
  /// queue_full where a full queue refuses.
  bool try_put(T& item) const { return here_for("queue::try_put", await_put).try_put(item); }
  bool try_put(T&& item) const { return try_put(item); }

  /// Says that an item that was taken has been dealt with. Throws invalid_state when called more
  /// often than items were put.
  void task_done() const { actor_.far() ? tell(actor_, item_done::value) : actor_->task_done(); }
  /// Awaits that every item ever put was taken and marked as done, or dropped. Cancellation:
  /// changes nothing.
  queue_join<actor_type> join(std::source_location where = std::source_location::current()) const {
    return {actor_, where};
  }

  /// No more items: waiting and later putters, and getters of an empty queue, fail with
  /// queue_shutdown.
  void shutdown(queue_end how = queue_end::graceful) const {
    if (!actor_.far())
      actor_->shut_down(how);
    else if (how == queue_end::graceful)
      tell(actor_, shut_down_queue::value);
    else
      tell(actor_, drop_queue::value);
  }

  std::size_t size() const { return look("queue::size").size(); }
  bool empty() const { return size() == 0; }
  /// A rendezvous always is.
  bool full() const { return rendezvous() || (capacity() != 0 && size() >= capacity()); }
  bool rendezvous() const { return look("queue::rendezvous").rendezvous(); }
  /// 0 for unbounded, and for a rendezvous.
  std::size_t capacity() const { return look("queue::capacity").capacity(); }
  /// How many wait to get, and to put.
  std::size_t getter_count() const { return look("queue::getter_count").getter_count(); }
  std::size_t putter_count() const { return look("queue::putter_count").putter_count(); }
  /// Items that a full queue dropped, and crossings of the high-water mark, since it was made.
  std::uint64_t dropped_count() const { return look("queue::dropped_count").dropped_count(); }
  std::uint64_t high_water_count() const {
    return look("queue::high_water_count").high_water_count();
  }

  /// The message face.
  caf::actor actor() const { return actor_.handle(); }

  /// "queue, 2 of 10 items: 1, 2; 1 waits to put". An item that cannot be printed is a "?"; of many
  /// the first ten are shown.
  friend std::string to_string(const basic_queue& q) { return q.text(Items::kind); }
  /// The same with the actor's number, which tells one queue from another: "queue 17, ...". Of one
  /// in another process both are "queue 17, in another process".
  friend std::string describe(const basic_queue& q) {
    return q.text(std::string(Items::kind) + " " + std::to_string(q.actor_.id()));
  }

 protected:
  static broker_ref<actor_type> found_at(const caf::actor& whom) {
    static_assert(sendable<T>, "items of this type cannot travel in messages");
    return {whom, Items::kind};
  }

 private:
  static constexpr const char* await_get = "await get";
  static constexpr const char* await_put = "await put";

  actor_type& here_for(const char* operation, const char* instead) const {
    return actor_.here_for(operation, instead);
  }
  actor_type& look(const char* operation) const {
    return here_for(operation, "only its own process can look at it");
  }
  std::string text(const std::string& name) const {
    if (actor_.far()) return std::string(Items::kind) + " " + actor_.far_text();
    return actor_->text(name, [](const T& item) { return text_of(item); });
  }

  broker_ref<actor_type> actor_;
};

}  // namespace buskin::detail
