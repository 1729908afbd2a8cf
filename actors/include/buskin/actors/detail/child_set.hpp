// The children of a scope: what task_group, gather, race and map_concurrent stand on.
//
// What always holds: a child is in the set from its start to its end, so that whoever owns the set
// can cancel all and wait until none is left; a failure that is kept counts as fetched, and
// failures are kept in the order of happening.
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
  /// What the end of a child does to the others. A `cancelled` end is no failure.
  enum class on_end {
    cancel_when_failed,     ///< a failure cancels all, and the owner if it is not waiting here
    cancel_when_first,      ///< the first to end has won: the others are cancelled
    cancel_when_succeeded,  ///< the first to end well has won: the others are cancelled
    nothing
  };

  explicit child_set(on_end policy) noexcept : policy_(policy) {}
  ~child_set();
  child_set(const child_set&) = delete;
  child_set& operator=(const child_set&) = delete;

  // -- the owner --------------------------------------------------------------------------------

  /// From now on children are admitted, and `owner` is told what concerns it. Throws invalid_state
  /// the second time.
  void open(stack_host& owner);
  /// Admits no more children, if none is left. False when there are some.
  bool close_if_empty();
  /// The owner goes without waiting: cancels all, admits none.
  void abandon(const char* reason) noexcept;

  bool empty() const;
  std::size_t size() const;
  /// How many have ended.
  std::size_t ended() const;
  /// True once, after a failure that the owner is to be woken for.
  bool take_alarm();
  std::vector<std::exception_ptr> take_errors();
  /// Adds the children's ids.
  void ids(std::vector<std::uint64_t>& into) const;
  /// Who won, by the policy; null for nobody.
  const task_actor_base* winner() const;

  // -- any thread -------------------------------------------------------------------------------

  /// What becomes of a child that comes while the set is being cancelled.
  enum class latecomer {
    refused,   ///< invalid_state
    cancelled  ///< `add` cancels it; it should not have begun
  };
  /// Makes room for one more child, for which `add` has to follow. Throws invalid_state when the
  /// set is not open; `what` names it. True when the set is being cancelled.
  bool admit(const char* what, latecomer late = latecomer::refused);
  /// The child that was admitted could not be started.
  void dismiss();
  /// Adds a child that was admitted and started.
  void add(task_actor_base& child);

  /// Requests the cancellation of every child that is there, and of those added later. The first
  /// time only.
  void cancel_all(const char* reason);
  /// The same each time.
  void cancel_again(const char* reason);
  /// The same as a failure does: cancels all, and the owner. Throws invalid_state when the set is
  /// not open.
  void abort(const char* what, const char* reason);

 private:
  class watch;
  struct links {
    links* before = nullptr;
    links* after = nullptr;
  };
  enum class gate : std::uint8_t { fresh, open, closed };

  void note_end(watch& child);
  void decide(task_actor_base& child);
  void cancel_locked(const char* reason);

  stack_host* owner_ = nullptr;  // guarded by mutex_
  const on_end policy_;
  mutable std::mutex mutex_;
  links children_{&children_, &children_};   // a circle; guarded by mutex_
  std::size_t size_ = 0;                     // with those admitted; guarded by mutex_
  std::size_t ended_ = 0;                    // guarded by mutex_
  std::vector<std::exception_ptr> errors_;   // guarded by mutex_
  const task_actor_base* winner_ = nullptr;  // only compared; guarded by mutex_
  gate gate_ = gate::fresh;                  // guarded by mutex_
  bool aborting_ = false;                    // guarded by mutex_
  bool alarm_ = false;                       // guarded by mutex_
};

/// Waits until no child is left. Cancellation: withdraws; the children go on.
class [[nodiscard("nothing happens until it is awaited")]] children_wait final : public wait {
 public:
  children_wait(child_set & children, const std::source_location& where) noexcept
      : wait(wait_kind::group, where), children_(children) {}
  bool ready() noexcept override { return children_.empty(); }
  bool withdraw() noexcept override { return true; }
  void awaited(std::vector<std::uint64_t> & whom) const override { children_.ids(whom); }
  bool await_ready() const { return children_.empty(); }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume() {
    if (auto reason = interruption()) std::rethrow_exception(reason);
  }

 private:
  child_set& children_;
};

}  // namespace buskin::detail
