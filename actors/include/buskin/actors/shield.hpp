// Awaiting a task that goes on when the waiter is cancelled. asyncio's shield.
#pragma once

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/task.hpp>

#include <source_location>
#include <utility>

namespace buskin {

namespace detail {

class shield_wait : public join_wait {
 public:
  bool withdraw() noexcept override { return !ended_ || ended_->abandon(); }
  void insist() noexcept override {}

 protected:
  shield_wait(const lean_ref<task_actor_base>& task, const std::source_location& where) noexcept
      : join_wait(task, where) {}
  ~shield_wait();
  /// Throws the waiter's cancellation, if there is one. The task's exception stays unfetched.
  void check_shielded() {
    if (auto reason = interruption()) std::rethrow_exception(reason);
  }
};

template <class T>
class [[nodiscard("nothing happens until it is awaited")]] shield_awaiter final
    : public shield_wait{public : shield_awaiter(const lean_ref<task_actor_base>& task,
                                                 const std::source_location& where) noexcept :
                             shield_wait(task, where){} T await_resume(){check_shielded();
return static_cast<task_actor<T>&>(*this->task_).template result<false>();
}  // namespace detail
};  // namespace buskin

}  // namespace detail

/// Awaits a task like `join`, but a cancellation of the waiter does not reach it: it goes on, owned
/// by whoever holds the handle, else by the runtime, which reports a failure that nobody fetches
/// (BK002) and cancels it at shutdown. Cancelling the task itself shows through the shield as
/// `cancelled`. To be awaited in one expression; copyable results stay with the task.
/// Cancellation: ends the waiting at once.
template <class T>
auto shield(const task_handle<T>& inner,
            std::source_location where = std::source_location::current()) {
  if (!inner) throw invalid_state("shield was given a task_handle that refers to no task");
  return detail::shield_awaiter<T>(inner.base(), where);
}

/// The same with a task that is spawned for it, at once.
template <class T>
auto shield(task<T> inner, spawn_options options = {},
            std::source_location where = std::source_location::current()) {
  return shield(spawn(std::move(inner), std::move(options), where), where);
}

}  // namespace buskin
