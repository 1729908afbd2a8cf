// A flag that tasks wait for. asyncio's Event, as an actor.
#pragma once

#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/broker_ref.hpp>

#include <cstddef>
#include <source_location>

namespace buskin {

namespace detail {

class event_actor;  // what the references below refer to
class far_request;

class [[nodiscard("nothing happens until it is awaited")]] event_wait final : public wait {
 public:
  event_wait(broker_ref<event_actor> event, const std::source_location& where) noexcept;
  ~event_wait();
  bool ready() noexcept override { return waiting_->resolved(); }
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume();

 private:
  far_request& request() const noexcept;
  void give_up() noexcept;

  broker_ref<event_actor> event_;
  cell_ref<cell<unit>> waiting_;
};

}  // namespace detail

/// A flag; copies of this object are the same event. Any thread of its runtime. The message face:
/// `(await_event)` is answered when the flag is set, `(set_event)` sets it, `(clear_event)` takes
/// that back, `(is_event_set)` answers a bool.
///
/// In another process `wait` is the same; `set` and `clear` are sent and go on; everything else
/// throws invalid_state.
class event {
 public:
  /// Not set. Inside a running runtime.
  event();
  /// The event whose `actor()` that is, here or in another process. Throws std::invalid_argument
  /// when it is none.
  static event at(const caf::actor& whom);

  /// Awaits that the flag is set; at once if it is. A `clear` that follows the `set` at once does
  /// not keep those who waited. Cancellation: withdraws.
  detail::event_wait wait(std::source_location where = std::source_location::current()) const {
    return {actor_, where};
  }
  /// Sets the flag and wakes everybody, in the order in which they began to wait.
  void set() const;
  void clear() const;
  bool is_set() const;
  std::size_t waiter_count() const;
  caf::actor actor() const;

 private:
  explicit event(detail::broker_ref<detail::event_actor> actor) noexcept;

  detail::broker_ref<detail::event_actor> actor_;
};

}  // namespace buskin
