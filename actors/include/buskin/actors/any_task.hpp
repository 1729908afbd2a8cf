// A task whatever it yields: what can be asked of it without knowing the type of its result.
#pragma once

#include <buskin/actors/done_callback.hpp>
#include <buskin/runtime/detail/task_actor.hpp>

#include <caf/actor.hpp>

#include <exception>
#include <functional>
#include <source_location>
#include <string>
#include <utility>

namespace buskin {

/// A reference to a task that runs as an actor of its own; every task_handle is one. Cheap to copy;
/// dropping it does not stop the task. All but the construction throws invalid_state when it refers
/// to no task.
class any_task {
 public:
  any_task() noexcept = default;
  explicit any_task(lean_ref<detail::task_actor_base> actor) noexcept : actor_(std::move(actor)) {}

  /// Requests a cancellation with a message. False when the task has ended. It surfaces as
  /// `cancelled` at the task's present or next suspension; the task may do its cleanup, and may
  /// swallow it. Each request reaches it, also while it deals with an earlier one. Any thread.
  bool cancel(std::string message = {}) const;

  bool done() const { return checked().done(); }
  /// Ended by a cancellation.
  bool cancelled() const { return checked().state() == detail::task_state::cancelled; }
  /// What it threw (a `cancelled` when it was cancelled), or null. Throws invalid_state while it
  /// runs.
  std::exception_ptr exception() const;

  /// Calls `function` when the task has ended (also if it has already): in a later turn of the
  /// runtime's first worker, those that were registered before the end in the order of
  /// registration. What it throws is reported (BK003) with `where`. Looking at the result is up to
  /// it: an exception that nobody fetched is still reported (BK002).
  done_callback on_done(std::function<void()> function,
                        std::source_location where = std::source_location::current()) const;

  /// As given, or "task-N".
  std::string name() const { return checked().task_name(); }
  /// The task as a CAF actor: send it messages for its `receive`, monitor it, link to it.
  caf::actor actor() const;
  explicit operator bool() const noexcept { return static_cast<bool>(actor_); }

  friend bool operator==(const any_task& a, const any_task& b) noexcept {
    return a.actor_ == b.actor_;
  }

  const lean_ref<detail::task_actor_base>& base() const noexcept { return actor_; }

 protected:
  detail::task_actor_base& checked() const;
  /// Throws invalid_state while it runs.
  void check_done(const char* what) const;

 private:
  lean_ref<detail::task_actor_base> actor_;
};

}  // namespace buskin
