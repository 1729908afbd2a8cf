// Learning of another actor's end, and tying one's own to it.
#pragma once

#include <buskin/actors/detail/exit_watch.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <caf/actor_cast.hpp>
#include <caf/error.hpp>

#include <source_location>
#include <utility>

namespace buskin {

namespace detail {

class [[nodiscard("nothing happens until it is awaited")]] down_awaiter final : public wait {
 public:
  down_awaiter(cell_ref<exit_watch::outcome> ended, std::uint64_t whom,
               const std::source_location& where) noexcept
      : wait(wait_kind::down, where, whom), ended_(std::move(ended)) {}
  bool ready() noexcept override { return ended_->resolved(); }
  bool withdraw() noexcept override { return true; }
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  caf::error await_resume();

 private:
  cell_ref<exit_watch::outcome> ended_;
};

}  // namespace detail

/// Watches one actor; each is independent of every other, and ends with its object. Move-only.
class monitor_handle {
 public:
  monitor_handle() noexcept = default;
  monitor_handle(monitor_handle&&) noexcept = default;
  monitor_handle& operator=(monitor_handle&& other) noexcept;
  ~monitor_handle() { cancel(); }

  /// Waits for the end of the actor and yields its reason: none (false) for a normal one. In the
  /// task that made it. Repeatable. Cancellation: the monitor stays.
  detail::down_awaiter operator co_await() const { return down(); }
  detail::down_awaiter down(std::source_location where = std::source_location::current()) const;

  /// Stops watching. True: no end will be told any more. False: it was told, or the monitor is
  /// empty.
  bool cancel() noexcept;
  /// Whether the end was told.
  bool ended() const noexcept { return ended_ && ended_->resolved(); }

 private:
  friend monitor_handle monitor(const caf::strong_actor_ptr& whom);
  caf::strong_actor_ptr whom_;
  detail::cell_ref<detail::exit_watch::outcome> ended_;
};

/// Watches `whom`. If it has ended already, the end is told at once, with its reason.
monitor_handle monitor(const caf::strong_actor_ptr& whom);
template <class Handle>
monitor_handle monitor(const Handle& whom) {
  return monitor(caf::actor_cast<caf::strong_actor_ptr>(whom));
}

/// Ties the actor that runs here to `whom`: when one ends abnormally, the other is asked to end for
/// the same reason (a task is cancelled). A normal end is not passed on. As Erlang's link.
void link(const caf::strong_actor_ptr& whom);
template <class Handle>
void link(const Handle& whom) {
  link(caf::actor_cast<caf::strong_actor_ptr>(whom));
}
void unlink(const caf::strong_actor_ptr& whom);
template <class Handle>
void unlink(const Handle& whom) {
  unlink(caf::actor_cast<caf::strong_actor_ptr>(whom));
}

}  // namespace buskin
