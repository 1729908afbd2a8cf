// A deadline for a scope of code. asyncio's timeout and wait_for.
#pragma once

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/timer_queue.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>
#include <buskin/runtime/task.hpp>

#include <atomic>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace buskin {

/// The scope that `timeout` hands to its function.
class timeout_scope final : private detail::cancel_scope, private detail::timer {
 public:
  /// `no_deadline` for none.
  static constexpr time_point no_deadline = time_point::max();

  ~timeout_scope();

  /// Moves the deadline, earlier or later; `no_deadline` takes it away. In the owning task. Throws
  /// invalid_state when the scope has expired or ended.
  void reschedule(time_point when);
  time_point deadline() const noexcept { return deadline_; }
  /// Whether the deadline passed while the scope was open.
  bool expired() const noexcept { return expired_; }

  /// For `timeout`, in this order. `close` throws: `error`, or a timeout_error in its place.
  explicit timeout_scope(time_point deadline) noexcept;
  void open(const std::source_location& where);
  void close(std::exception_ptr error);

 private:
  std::exception_ptr take_request() noexcept override;
  void set();
  static void on_fire(detail::timer& t) noexcept;

  detail::coro_stack* stack_ = nullptr;
  time_point deadline_;
  std::source_location where_;
  std::uint32_t cancelling_before_ = 0;
  std::atomic<bool> due_{false};
  bool expired_ = false;
  bool closed_ = false;
};

namespace detail {

template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) {
  if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); })
    return std::forward<Awaitable>(awaitable).operator co_await();
  else
    return std::forward<Awaitable>(awaitable);
}

template <class Awaitable>
using await_result = decltype(awaiter_of(std::declval<Awaitable>()).await_resume());

template <class F>
decltype(auto) call_with_scope(F& function, timeout_scope& scope) {
  if constexpr (std::is_invocable_v<F&, timeout_scope&>)
    return function(scope);
  else
    return function();
}

template <class F>
using scoped_result =
    await_result<decltype(call_with_scope(std::declval<F&>(), std::declval<timeout_scope&>()))>;

}  // namespace detail

/// Awaits what `function(scope)` (or `function()`) returns, until `when` at most. When the deadline
/// passes first, what is being awaited inside is cancelled, and once it has ended a timeout_error
/// comes out. `function` is kept until then. Cancellation: from elsewhere passes through as
/// `cancelled`.
template <class F>
auto timeout_at(time_point when, F function,
                std::source_location where = std::source_location::current())
    -> task<detail::scoped_result<F>> {
  using result = detail::scoped_result<F>;
  using stored = std::conditional_t<std::is_void_v<result>, char, result>;
  timeout_scope scope(when);
  scope.open(where);
  std::optional<stored> value;
  std::exception_ptr error;
  try {
    if constexpr (std::is_void_v<result>)
      co_await detail::call_with_scope(function, scope);
    else
      value.emplace(co_await detail::call_with_scope(function, scope));
  } catch (...) {
    error = std::current_exception();
  }
  scope.close(std::move(error));
  if constexpr (!std::is_void_v<result>) co_return std::move(*value);
}

/// The same with a length of time from now on.
template <class F>
auto timeout(duration length, F function,
             std::source_location where = std::source_location::current())
    -> task<detail::scoped_result<F>> {
  return timeout_at(after(detail::now_here("timeout"), length), std::move(function), where);
}

/// Awaits `awaitable` (a task or a task_handle) for `length` at most; then cancels it, waits for
/// its end and throws timeout_error. A task is not even begun when `length` is zero or less.
template <class Awaitable>
requires std::is_move_constructible_v<Awaitable>
auto wait_for(Awaitable awaitable, duration length,
              std::source_location where = std::source_location::current())
    -> task<detail::await_result<Awaitable>> {
  return timeout_at(
      after(detail::now_here("wait_for"), length),
      [what = std::move(awaitable), begins = length > duration::zero()]() mutable -> Awaitable&& {
        if constexpr (requires { what.dismiss(); })
          if (!begins) {
            what.dismiss();
            throw timeout_error("there was no time to begin");
          }
        return std::move(what);
      },
      where);
}

/// The same for what an operation returns: `co_await wait_for(queue.get(), 1s)`, in one expression,
/// because the operation is not moved.
template <class Awaitable>
requires(!std::is_move_constructible_v<std::remove_cvref_t<Awaitable>>) auto wait_for(
    Awaitable&& awaitable, duration length,
    std::source_location where = std::source_location::current())
    -> task<detail::await_result<Awaitable>> {
  return timeout_at(
      after(detail::now_here("wait_for"), length),
      [&awaitable]() -> Awaitable&& { return static_cast<Awaitable&&>(awaitable); }, where);
}

}  // namespace buskin
