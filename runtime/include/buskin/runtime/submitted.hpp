// A task that another thread gave to a runtime, and how that thread gets its result.
#pragma once

#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/errors.hpp>

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

namespace buskin {

namespace detail {

/// Where a thread, or a task of any runtime, waits for the end of a task.
class end_latch;

class submitted_base {
 public:
  submitted_base() noexcept = default;
  explicit submitted_base(lean_ref<task_actor_base> task);

  void wait() const;
  bool wait_for(duration limit) const;
  task_actor_base& checked() const;

  lean_ref<task_actor_base> task;
  std::shared_ptr<end_latch> latch;
};

/// Waits in a task, which may be another runtime's.
class submitted_wait : public wait {
 public:
  submitted_wait(const submitted_base& what, const std::source_location& where);
  bool ready() noexcept override;
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }

 protected:
  ~submitted_wait();
  void check();

 private:
  lean_ref<task_actor_base> task_;
  std::shared_ptr<end_latch> latch_;
  bool entered_ = false;
};

}  // namespace detail

/// The result-to-be of a task that was given to a runtime by `runtime::submit`: asyncio's
/// run_coroutine_threadsafe and its concurrent.futures.Future. Any thread. Cheap to copy; dropping
/// it does not stop the task.
///
/// `get` and `wait_for` block the thread. In a thread that drives a runtime they would stop
/// everything that runs there, for ever if the task is one of them: they throw invalid_state (and
/// report BK005 in debug mode) unless the task has ended. Await it there.
template <class T>
class submitted {
 public:
  submitted() noexcept = default;
  explicit submitted(const lean_ref<detail::task_actor<T>>& task)
      : base_(lean_ref<detail::task_actor_base>(task.get())) {}

  /// Blocks until the task has ended; yields its result or throws what it threw, `cancelled` if it
  /// was cancelled. A copyable result can be had repeatedly, from an rvalue it is moved out.
  T get() const& {
    base_.wait();
    return actor().template result<false>();
  }
  T get() && {
    base_.wait();
    return actor().template result<true>();
  }
  /// The same for `limit` of real time at most; then throws timeout_error. The task goes on.
  T get(duration limit) const {
    if (!base_.wait_for(limit))
      throw timeout_error("task \"" + name() + "\" has not ended within the time given");
    return actor().template result<false>();
  }
  /// Blocks for `limit` of real time at most. Whether the task has ended.
  bool wait_for(duration limit) const { return base_.wait_for(limit); }

  /// Requests a cancellation with a message. False when the task has ended.
  bool cancel(std::string message = {}) const {
    return base_.checked().cancel(std::make_exception_ptr(buskin::cancelled(std::move(message))));
  }
  bool done() const { return base_.checked().done(); }
  /// Ended by a cancellation.
  bool cancelled() const { return base_.checked().state() == detail::task_state::cancelled; }
  /// What it threw, or null. Throws invalid_state while it runs.
  std::exception_ptr exception() const {
    if (!done())
      throw invalid_state("task \"" + name() + "\" has not ended; it has no exception yet");
    return base_.checked().exception();
  }
  std::string name() const { return base_.checked().task_name(); }
  explicit operator bool() const noexcept { return static_cast<bool>(base_.task); }

  class awaiter final : public detail::submitted_wait {
   public:
    using submitted_wait::submitted_wait;
    awaiter(const submitted& what, const std::source_location& where)
        : submitted_wait(what.base_, where), task_(what.base_.task) {}
    T await_resume() {
      check();
      return static_cast<detail::task_actor<T>&>(*task_).template result<false>();
    }

   private:
    lean_ref<detail::task_actor_base> task_;
  };

  /// Waits in a task, of this runtime or of another one. One task at a time; a second one that
  /// waits is told by invalid_state. Cancellation: of the waiter cancels the task and waits for its
  /// end, as joining a handle does.
  awaiter join(std::source_location where = std::source_location::current()) const {
    return {*this, where};
  }
  awaiter operator co_await() const { return join(); }

 private:
  detail::task_actor<T>& actor() const {
    return static_cast<detail::task_actor<T>&>(base_.checked());
  }

  detail::submitted_base base_;
};

}  // namespace buskin
