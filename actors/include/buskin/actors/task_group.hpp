// A scope that owns tasks: it ends when all of them have ended. asyncio's TaskGroup, trio's
// nursery.
#pragma once

#include <buskin/actors/detail/child_set.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/task.hpp>

#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

namespace buskin {

namespace detail {

template <class T>
struct task_result;
template <class T>
struct task_result<task<T>> {
  using type = T;
};

/// What every group does, whatever its body yields. Follows asyncio's TaskGroup rule by rule.
class group_core final : public cancel_scope {
 public:
  explicit group_core(const std::source_location& where)
      : children_(std::make_shared<child_set>(child_set::on_end::cancel_when_failed)),
        where_(where) {}

  void open();
  /// The frame of `run` is destroyed, maybe in the middle.
  void abandon() noexcept;
  child_set& children() noexcept { return *children_; }
  /// The body has ended, with `error` or without. Says what to throw at last, after all children
  /// have ended.
  void body_ended(std::exception_ptr error);
  /// False from the moment on at which no child can be added any more.
  bool children_left() { return !children_->close_if_empty(); }
  children_wait wait_for_children() { return {*children_, where_}; }
  /// The wait was cancelled.
  void wait_cancelled(std::exception_ptr reason);
  /// Throws what the group throws, if anything.
  void close();
  /// Any thread.
  void cancel() { children_->abort("the task_group", "the group was cancelled"); }

 private:
  std::exception_ptr take_request() noexcept override;

  coro_stack* stack_ = nullptr;  // null while the group is not open
  const std::shared_ptr<child_set> children_;
  std::exception_ptr body_error_;    // the body's own failure
  std::exception_ptr cancellation_;  // one that came from outside and is to be passed on
  std::source_location where_;
  std::uint32_t passed_on_ = 0;   // cancellations of the owner that the children know of
  bool owner_cancelled_ = false;  // by us, because a child failed
};

}  // namespace detail

/// Owns the tasks that are spawned into it.
///
///     co_await task_group().run([&](task_group& group) -> task<void> {
///       group.spawn(fetch("a"));
///       group.spawn(fetch("b"));
///       co_return;
///     });
///
/// `run` ends when the body and all children have ended. When a child or the body fails, the others
/// are cancelled and an exception_group with all failures comes out, in the order of happening;
/// children that were merely cancelled add nothing. Children may be added until the last one has
/// ended, also by children. The body may capture by reference: it is kept until the end.
class task_group {
 public:
  explicit task_group(std::source_location where = std::source_location::current())
      : core_(std::make_shared<detail::group_core>(where)) {}
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  /// Opens the group, runs `body(*this)` and waits for all children; yields what the body yields.
  /// Once. Cancellation: reaches the body and every child, a further one also those that are still
  /// cleaning up; comes out as `cancelled` when all have ended, unless something failed meanwhile.
  template <class Body>
  auto run(Body body)
      -> task<typename detail::task_result<std::invoke_result_t<Body&, task_group&>>::type> {
    return run_body(core_, std::move(body));
  }

  /// Starts a child. Throws invalid_state before `run`, after its end, and while the group is being
  /// cancelled; the task is then destroyed without a report. In a task of the group's runtime, on
  /// any worker.
  template <class T>
  task_handle<T> spawn(task<T> body, spawn_options options = {},
                       std::source_location where = std::source_location::current()) {
    auto& children = core_->children();
    runtime* owner = nullptr;
    try {
      owner = &detail::runtime_here("task_group::spawn");
      children.admit("the task_group");
    } catch (...) {
      body.dismiss();
      throw;
    }
    try {
      auto child = detail::spawn_in(*owner, std::move(body), std::move(options), where,
                                    shutdown_phase::owned);
      children.add(*child.base());
      return child;
    } catch (...) {
      children.dismiss();
      throw;
    }
  }

  /// Cancels the body and every child; `run` then ends without an error, or as `cancelled` if the
  /// body owes a result. Any child may call it.
  void cancel() { core_->cancel(); }

 private:
  explicit task_group(std::shared_ptr<detail::group_core> core) noexcept : core_(std::move(core)) {}

  // The coroutine keeps the group: the task_group object that it was asked of may be gone before it
  // begins.
  template <class Body>
  static auto run_body(std::shared_ptr<detail::group_core> core, Body body)
      -> task<typename detail::task_result<std::invoke_result_t<Body&, task_group&>>::type> {
    using result = typename detail::task_result<std::invoke_result_t<Body&, task_group&>>::type;
    using stored = std::conditional_t<std::is_void_v<result>, detail::unit, result>;
    core->open();
    struct abandoning {
      ~abandoning() { core.abandon(); }
      detail::group_core& core;
    } at_the_end{*core};
    task_group group(core);
    std::optional<stored> value;
    std::exception_ptr error;
    try {
      if constexpr (std::is_void_v<result>)
        co_await body(group);
      else
        value.emplace(co_await body(group));
    } catch (...) {
      error = std::current_exception();
    }
    core->body_ended(std::exchange(error, nullptr));
    while (core->children_left()) {
      try {
        co_await core->wait_for_children();
      } catch (...) {
        error = std::current_exception();
      }
      if (error) core->wait_cancelled(std::exchange(error, nullptr));
    }
    core->close();
    if constexpr (!std::is_void_v<result>) {
      if (!value) throw cancelled("the task_group was cancelled before its body had a result");
      co_return std::move(*value);
    }
  }

  std::shared_ptr<detail::group_core> core_;
};

}  // namespace buskin
