// Children that one expression starts, cancels and waits for: what gather, race, staggered and
// map_concurrent have in common.
#pragma once

#include <buskin/actors/detail/awaitable.hpp>
#include <buskin/actors/detail/child_set.hpp>
#include <buskin/actors/result.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/task.hpp>

#include <memory>
#include <utility>
#include <variant>

namespace buskin::detail {

/// Lives in the frame of the expression. When that is destroyed early, it cancels the children; the
/// runtime waits for them then.
class owned_children {
 public:
  /// Where children run.
  enum class place {
    anywhere,
    here  ///< on the worker that starts them: one that has lost a race and was resumed by the same
          ///< event as the winner is cancelled before it goes on, and so takes nothing away
  };

  owned_children(const char* what, child_set::on_end policy, place where = place::anywhere);
  ~owned_children();
  owned_children(const owned_children&) = delete;
  owned_children& operator=(const owned_children&) = delete;

  template <class T>
  task_handle<T> add(task<T> body) {
    const auto where = body.where();
    const bool late = children_->admit(what_, child_set::latecomer::cancelled);
    auto child = start_task(owner_, std::move(body), options(late), where);
    children_->add(*child);
    return task_handle<T>(std::move(child));
  }
  /// One that runs already belongs to the expression from here on, too.
  template <class T>
  task_handle<T> add(task_handle<T> running) {
    check_same_runtime(*running.base(), host_, what_);
    children_->admit(what_, child_set::latecomer::cancelled);
    children_->add(*running.base());
    return running;
  }

  /// Until all have ended. Cancellation: each reaches every child, and the first comes out when all
  /// have ended.
  task<void> all_ended();
  /// Throws the first failure, if there is one.
  void rethrow_first();
  void cancel(const char* reason) { children_->cancel_again(reason); }

  child_set& set() noexcept { return *children_; }
  const task_actor_base* winner() const { return children_->winner(); }

 private:
  /// One that comes too late to run must not begin.
  start_options options(bool late) const;

  const char* what_;
  runtime& owner_;
  stack_host& host_;
  std::shared_ptr<child_set> children_;
  worker* home_;  // null for any
  bool eager_;
};

/// The result of a task that has ended, moved out of it.
template <class T>
gathered<T> value_of(const task_handle<T>& handle) {
  if constexpr (std::is_void_v<T>) {
    handle.ref()->template result<true>();
    return {};
  } else {
    return handle.ref()->template result<true>();
  }
}

template <class T>
result<T> result_of(const task_handle<T>& handle) {
  if (auto error = handle.exception()) return result<T>(std::move(error));
  return result<T>(value_of(handle));
}

}  // namespace buskin::detail
