// The children of a scope: what task_group and gather stand on.
//
// What always holds: a child is in the set from its start to its end, so that whoever owns the set
// can cancel all and wait until none is left; a failure is kept, in the order of happening, and
// counts as fetched.
#pragma once

#include <buskin/actors/detail/cell.hpp>
#include <buskin/runtime/detail/task_actor.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <source_location>
#include <vector>

namespace buskin::detail {

class child_set : public std::enable_shared_from_this<child_set> {
 public:
  /// What a child's failure does.
  enum class on_failure {
    cancel_all,  ///< the siblings are cancelled, and the owner if it is not waiting here
    nothing
  };

  child_set(stack_host& owner, on_failure policy) noexcept : owner_(owner), policy_(policy) {
    owner_.hold();
  }
  ~child_set() { owner_.drop(); }
  child_set(const child_set&) = delete;
  child_set& operator=(const child_set&) = delete;

  /// Adds a child that was just started.
  void add(const lean_ref<task_actor_base>& child);
  /// Requests the cancellation of every child, now and of those added later.
  void cancel_all(const char* reason);

  /// The same as a failure does: cancels all, and the owner.
  void abort(const char* reason);

  bool empty() const;
  std::size_t size() const;
  bool aborting() const;
  /// True once, after a failure that the owner is to be woken for.
  bool take_alarm();
  std::vector<std::exception_ptr> take_errors();
  bool any_error() const;

 private:
  class watch;
  struct links {
    links* before = nullptr;
    links* after = nullptr;
  };

  void ended(watch& child);
  void cancel_locked(const char* reason);

  stack_host& owner_;
  const on_failure policy_;
  mutable std::mutex mutex_;
  links children_{&children_, &children_};  // a circle; guarded by mutex_
  std::size_t size_ = 0;                    // guarded by mutex_
  std::vector<std::exception_ptr> errors_;  // guarded by mutex_
  bool aborting_ = false;                   // guarded by mutex_
  bool alarm_ = false;                      // guarded by mutex_
};

/// Waits until no child is left. Cancellation: withdraws; the children go on.
class children_wait final : public wait {
 public:
  children_wait(child_set& children, const std::source_location& where) noexcept
      : wait(wait_kind::group, where), children_(children) {}
  bool ready() noexcept override { return children_.empty(); }
  bool withdraw() noexcept override { return true; }
  bool await_ready() const { return children_.empty(); }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume() {
    if (auto reason = interruption()) std::rethrow_exception(reason);
  }

 private:
  child_set& children_;
};

}  // namespace buskin::detail
