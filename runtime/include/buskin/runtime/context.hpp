// A set of local<T> values as an object. Python's contextvars.Context.
#pragma once

#include <buskin/runtime/detail/context_state.hpp>

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

namespace buskin {

/// The values that `local<T>` variables have for a task or a callback.
///
/// Usually nobody needs one: a task starts with a copy of its creator's. Whoever wants to look at
/// what a task set, or to have several tasks share their values, makes one and gives it to `spawn`
/// (`spawn_options::context`): the task then uses this very object. Copies of the handle are the
/// same context; `copy` makes another one. Any thread.
class context {
 public:
  /// Without any value.
  context();
  /// The values of whoever calls this, as they are now (Python's copy_context).
  static context copy_current();
  /// Another one with the same values.
  context copy() const;

  /// Calls `function` with this context as the present one: what it sets stays in here. Not for
  /// coroutines: the call ends where they suspend.
  template <class F>
  std::invoke_result_t<F> run(F&& function) const {
    const detail::context_scope inside(state_);
    return std::forward<F>(function)();
  }

  /// How many variables have a value.
  std::size_t size() const noexcept;

  const detail::context_ref& state() const noexcept { return state_; }

 private:
  explicit context(detail::context_ref state) noexcept : state_(std::move(state)) {}
  detail::context_ref state_;
};

}  // namespace buskin
