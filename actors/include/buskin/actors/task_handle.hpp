// spawn(task) makes an actor of a task; the handle is how its owner awaits, cancels and asks after
// it.
#pragma once

#include <buskin/actors/detail/exit_watch.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/actor.hpp>

#include <optional>
#include <source_location>
#include <string>
#include <utility>

namespace buskin {

class runtime;

namespace detail {

/// Waits for the end of a task. Cancelling the waiter cancels the task and waits for its end, as in
/// asyncio.
class join_wait : public wait {
 public:
  bool ready() noexcept override { return !ended_ || ended_->resolved(); }
  bool withdraw() noexcept override;

  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }

 protected:
  join_wait(lean_ref<task_actor_base> task, const std::source_location& where) noexcept
      : wait(wait_kind::join, where, task ? task->id() : 0), task_(std::move(task)) {}
  ~join_wait();
  /// Throws the waiter's cancellation, if there is one.
  void check();

  lean_ref<task_actor_base> task_;

 private:
  cell_ref<exit_watch::outcome> ended_;
};

template <class T, bool take>
class join_awaiter final : public join_wait {
 public:
  using join_wait::join_wait;
  join_awaiter(const lean_ref<task_actor<T>>& task, const std::source_location& where)
      : join_wait(lean_ref<task_actor_base>(task.get()), where) {}
  T await_resume() {
    check();
    return static_cast<task_actor<T>&>(*this->task_).template result<take>();
  }
};

}  // namespace detail

/// Options of `spawn`.
struct spawn_options {
  std::string name;  ///< for reports; "task-N" when empty
};

/// A reference to a task that runs as an actor of its own. Cheap to copy; dropping it does not stop
/// the task. An exception that nobody fetched by then is reported (BK002).
template <class T>
class task_handle {
 public:
  task_handle() noexcept = default;
  explicit task_handle(lean_ref<detail::task_actor<T>> actor) noexcept : actor_(std::move(actor)) {}

  /// Waits for the end and yields the result, or throws what the task threw (the same exception
  /// each time); `cancelled` if it was cancelled. A copyable result can be had repeatedly, from an
  /// rvalue handle it is moved out. Cancellation: of the waiter cancels the task, as in asyncio;
  /// await through `shield` if it is to go on.
  auto join(std::source_location where = std::source_location::current()) const& {
    return detail::join_awaiter<T, false>(checked(), where);
  }
  auto join(std::source_location where = std::source_location::current()) && {
    return detail::join_awaiter<T, true>(checked(), where);
  }
  auto operator co_await() const& { return join(); }
  auto operator co_await() && { return std::move(*this).join(); }

  /// Requests a cancellation with a message. False when the task has ended. It surfaces as
  /// `cancelled` at the task's present or next suspension; the task may do its cleanup, and may
  /// swallow it. Any thread.
  bool cancel(std::string message = {}) const {
    return checked()->cancel(std::make_exception_ptr(buskin::cancelled(std::move(message))));
  }

  bool done() const { return checked()->done(); }
  /// Ended by a cancellation.
  bool cancelled() const { return checked()->state() == detail::task_state::cancelled; }
  /// The result without waiting; throws what the task threw, or invalid_state while it runs.
  T result() const {
    if (!done())
      throw invalid_state("task \"" + name() + "\" has not ended; its result can be awaited");
    return actor_->template result<false>();
  }
  /// What it threw, or null. Throws invalid_state while it runs.
  std::exception_ptr exception() const {
    if (!done())
      throw invalid_state("task \"" + name() + "\" has not ended; it has no exception yet");
    return actor_->exception();
  }

  std::string name() const { return checked()->task_name(); }
  /// The task as a CAF actor: send it messages for its `receive`, monitor it, link to it.
  caf::actor actor() const { return checked().handle(); }
  explicit operator bool() const noexcept { return static_cast<bool>(actor_); }

  friend bool operator==(const task_handle& a, const task_handle& b) noexcept {
    return a.actor_ == b.actor_;
  }

  const lean_ref<detail::task_actor<T>>& ref() const noexcept { return actor_; }

 private:
  const lean_ref<detail::task_actor<T>>& checked() const {
    if (!actor_) throw invalid_state("this task_handle refers to no task");
    return actor_;
  }
  lean_ref<detail::task_actor<T>> actor_;
};

/// Starts `body` as an actor of its own; its first step runs in a later turn. Its owner is whoever
/// awaits the handle, else the runtime, which cancels it at shutdown. Inside a running runtime.
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
  return task_handle<T>(
      detail::start_task(*owner, std::move(body), {std::move(options.name)}, where));
}

/// The same from outside: before a runtime runs, or between polls.
template <class T>
task_handle<T> spawn(runtime& owner, task<T> body, spawn_options options = {},
                     std::source_location where = std::source_location::current()) {
  return task_handle<T>(
      detail::start_task(owner, std::move(body), {std::move(options.name)}, where));
}

}  // namespace buskin
