// What awaiting something yields.
#pragma once

#include <buskin/runtime/task.hpp>

#include <type_traits>
#include <utility>

namespace buskin::detail {

template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) {
  if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); })
    return std::forward<Awaitable>(awaitable).operator co_await();
  else
    return std::forward<Awaitable>(awaitable);
}

template <class Awaitable>
using await_result = decltype(awaiter_of(std::declval<Awaitable>()).await_resume());

template <class T>
inline constexpr bool is_task_v = false;
template <class T>
inline constexpr bool is_task_v<task<T>> = true;

/// Something other than a task that can be awaited, and moved there: a handle.
template <class A>
concept other_awaitable =
    !is_task_v<std::remove_cvref_t<A>> && std::is_move_constructible_v<A> && requires {
  typename await_result<A>;
};

template <class A>
task<await_result<A>> await_in_task(A awaitable) {
  co_return co_await std::move(awaitable);
}

/// A function that is called for its effect. One that makes a task is not: the task would never
/// run.
template <class F>
concept callback = std::is_invocable_v<F&> && !is_task_v<std::invoke_result_t<F&>>;

/// A function that makes a task.
template <class F>
concept task_factory = std::is_invocable_v<F&> && is_task_v<std::invoke_result_t<F&>>;

}  // namespace buskin::detail
