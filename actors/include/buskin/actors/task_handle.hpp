// spawn(task) makes an actor of a task; the handle is how its owner awaits, cancels and asks after
// it.
#pragma once

#include <buskin/actors/any_task.hpp>
#include <buskin/actors/detail/exit_watch.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/task.hpp>

#include <concepts>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

namespace buskin {

class runtime;

namespace detail {

/// Throws wrong_runtime unless `task` runs where `host` does.
void check_same_runtime(const task_actor_base& task, stack_host& host, const char* operation);

/// Waits for the end of a task. Cancelling the waiter cancels the task and waits for its end, as in
/// asyncio; each further cancellation of the waiter reaches the task as well.
class join_wait : public wait {
 public:
  bool ready() noexcept override { return !ended_ || ended_->resolved(); }
  bool withdraw() noexcept override;
  void insist() noexcept override;

  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }

 protected:
  join_wait(lean_ref<task_actor_base> task, const std::source_location& where) noexcept
      : wait(wait_kind::join, where, task ? task->id() : 0), task_(std::move(task)) {}
  ~join_wait();
  /// Throws the waiter's cancellation, if there is one.
  void check();

  lean_ref<task_actor_base> task_;
  cell_ref<exit_watch::outcome> ended_;
};

template <class T, bool take>
class [[nodiscard("nothing happens until it is awaited")]] join_awaiter final
    : public join_wait{public : join_awaiter(const lean_ref<task_actor_base>& task,
                                             const std::source_location& where) noexcept :
                           join_wait(task, where){} T await_resume(){check();
return static_cast<task_actor<T>&>(*this->task_).template result<take>();
}  // namespace detail
};  // namespace buskin

}  // namespace detail

/// Options of `spawn`.
struct spawn_options {
  std::string name = {};  ///< for reports; "task-N" when empty
  /// Whether its first step runs inside the call of `spawn`, before that returns (asyncio's eager
  /// tasks): a task that does not suspend has then ended. Not said: as
  /// `runtime_options::eager_tasks` has it. Where no worker of the runtime is at work, and 64 such
  /// steps deep in each other, it is a later turn all the same.
  std::optional<bool> eager = {};
  /// The context whose local<T> values the task uses and changes; by default a copy of its
  /// creator's.
  std::optional<buskin::context> context = {};
};

/// A reference to a task that runs as an actor of its own, and the way to its result. Cheap to
/// copy; dropping it does not stop the task. An exception that nobody fetched by then is reported
/// (BK002).
template <class T>
class task_handle : public any_task {
 public:
  task_handle() noexcept = default;
  explicit task_handle(lean_ref<detail::task_actor<T>> actor) noexcept
      : any_task(lean_ref<detail::task_actor_base>::adopt(actor.release())) {}

  /// Waits for the end and yields the result, or throws what the task threw (the same exception
  /// each time); `cancelled` if it was cancelled. A copyable result can be had repeatedly, from an
  /// rvalue handle it is moved out. Throws wrong_runtime in a task of another runtime.
  /// Cancellation: of the waiter cancels the task, as in asyncio; await through `shield` if it is
  /// to go on.
  auto join(std::source_location where = std::source_location::current()) const& {
    checked();
    return detail::join_awaiter<T, false>(base(), where);
  }
  auto join(std::source_location where = std::source_location::current()) && {
    checked();
    return detail::join_awaiter<T, true>(base(), where);
  }
  auto operator co_await() const& { return join(); }
  auto operator co_await() && { return std::move(*this).join(); }

  /// The result without waiting; throws what the task threw, or invalid_state while it runs. A
  /// result that cannot be copied is moved out.
  T result() const {
    check_done("its result can be awaited");
    return ref()->template result<false>();
  }

  using any_task::on_done;
  /// The same; `function` is called with this handle.
  template <class F>
  requires std::invocable<F&, const task_handle&> done_callback
  on_done(F function, std::source_location where = std::source_location::current())
  const {
    return any_task::on_done([handle = *this, f = std::move(function)]() mutable { f(handle); },
                             where);
  }

  detail::task_actor<T>* ref() const noexcept {
    return static_cast<detail::task_actor<T>*>(base().get());
  }
};

namespace detail {

template <class T>
task_handle<T> spawn_in(runtime& owner, task<T> body, spawn_options options,
                        const std::source_location& where,
                        shutdown_phase phase = shutdown_phase::ordinary) {
  const bool eager = options.eager.has_value() ? *options.eager : eager_by_default(owner);
  return task_handle<T>(start_task(owner, std::move(body),
                                   {.name = std::move(options.name),
                                    .phase = phase,
                                    .home = nullptr,
                                    .eager = eager,
                                    .context = std::move(options.context)},
                                   where));
}

}  // namespace detail

/// Starts `body` as an actor of its own; its first step runs in a later turn, unless the options
/// say otherwise. Its owner is whoever awaits the handle, else the runtime, which cancels it at
/// shutdown. Inside a running runtime; throws invalid_state elsewhere.
template <class T>
task_handle<T> spawn(task<T> body, spawn_options options = {},
                     std::source_location where = std::source_location::current()) {
  runtime* owner = nullptr;
  try {
    owner = &detail::runtime_here("spawn");
  } catch (...) {
    body.dismiss();  // whoever is told by an exception needs no report
    throw;
  }
  return detail::spawn_in(*owner, std::move(body), std::move(options), where);
}

/// The same from outside: before a runtime runs, or between polls.
template <class T>
task_handle<T> spawn(runtime& owner, task<T> body, spawn_options options = {},
                     std::source_location where = std::source_location::current()) {
  return detail::spawn_in(owner, std::move(body), std::move(options), where);
}

}  // namespace buskin
