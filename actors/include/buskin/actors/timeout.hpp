// A deadline for a scope of code. asyncio's timeout and wait_for.
#pragma once

#include <buskin/actors/detail/awaitable.hpp>
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
#include <string>
#include <type_traits>
#include <utility>

namespace buskin {

class timeout_scope;

namespace detail {

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

// The first parameter says which scope: a time_point for one of the coroutine's own, a reference
// for somebody else's.
template <class Scope, class F>
auto run_scoped(Scope given, F function, std::source_location where) -> task<scoped_result<F>>;

}  // namespace detail

/// A deadline and what became of it.
///
/// `timeout` makes one and hands it to its function. Whoever wants to look at it afterwards makes
/// it and runs it:
///
///     timeout_scope scope(runtime::current().now() + 5s);
///     co_await scope.run([&] { return fetch(url); });
///     if (scope.expired()) ...
class timeout_scope final : private detail::cancel_scope, private detail::timer {
 public:
  /// asyncio's states of a timeout.
  enum class state : std::uint8_t {
    fresh,     ///< not run yet
    active,    ///< running, and not too late
    expiring,  ///< the deadline has passed, and what runs inside is being cancelled
    expired,   ///< has ended, too late
    finished   ///< has ended in time
  };

  /// `no_deadline` for none.
  static constexpr time_point no_deadline = time_point::max();

  explicit timeout_scope(time_point deadline) noexcept;
  ~timeout_scope();

  /// Awaits what `function(scope)` (or `function()`) returns, until the deadline at most; see
  /// `timeout_at`. Once: throws invalid_state the second time, also from inside. The scope has to
  /// live until this has ended.
  template <class F>
  auto run(F function, std::source_location where = std::source_location::current())
      -> task<detail::scoped_result<F>>;

  /// Moves the deadline, earlier or later; `no_deadline` takes it away. One that is past takes
  /// effect at the next suspension. In the owning task, before or while it runs; throws
  /// invalid_state when the scope has expired or ended.
  void reschedule(time_point when);
  /// The deadline, or `no_deadline`.
  time_point when() const noexcept { return when_; }
  /// Whether the deadline passed while the scope ran, also when what ran inside ended well.
  bool expired() const noexcept { return state_ == state::expiring || state_ == state::expired; }
  state current() const noexcept { return state_; }

 private:
  template <class Scope, class F>
  friend auto detail::run_scoped(Scope given, F function, std::source_location where)
      -> task<detail::scoped_result<F>>;

  void open(const std::source_location& where);
  /// Throws `error`, or a timeout_error in its place.
  void close(std::exception_ptr error);
  /// Whoever ran it was destroyed in the middle.
  void abandon() noexcept;
  std::exception_ptr take_request() noexcept override;
  time_point deadline() const noexcept override { return expired() ? no_deadline : when_; }
  std::string text() const;
  void set();
  static void on_fire(detail::timer& t) noexcept;

  detail::coro_stack* stack_ = nullptr;  // null unless it runs
  time_point when_;
  std::source_location where_;
  std::uint32_t cancelling_before_ = 0;
  std::atomic<bool> due_{false};
  state state_ = state::fresh;
};

/// "active", "expired" and so on.
const char* to_string(timeout_scope::state state) noexcept;
/// "active, 1.500 s left", "active, no deadline", "expired". In a runtime's thread.
std::string to_string(const timeout_scope& scope);

namespace detail {

struct borrowed_scope {
  timeout_scope& scope;
};
struct own_scope {
  explicit own_scope(time_point deadline) noexcept : scope(deadline) {}
  timeout_scope scope;
};

template <class Scope, class F>
auto run_scoped(Scope given, F function, std::source_location where) -> task<scoped_result<F>> {
  using result = scoped_result<F>;
  std::conditional_t<std::is_same_v<Scope, time_point>, own_scope, borrowed_scope> holder{given};
  timeout_scope& scope = holder.scope;
  scope.open(where);
  struct abandoning {
    ~abandoning() { scope.abandon(); }
    timeout_scope& scope;
  } at_the_end{scope};
  std::optional<gathered<result>> value;
  std::exception_ptr error;
  try {
    if constexpr (std::is_void_v<result>)
      co_await call_with_scope(function, scope);
    else
      value.emplace(co_await call_with_scope(function, scope));
  } catch (...) {
    error = std::current_exception();
  }
  scope.close(std::move(error));
  if constexpr (!std::is_void_v<result>) co_return std::move(*value);
}

}  // namespace detail

template <class F>
auto timeout_scope::run(F function, std::source_location where) -> task<detail::scoped_result<F>> {
  return detail::run_scoped<timeout_scope&>(*this, std::move(function), where);
}

/// Awaits what `function(scope)` (or `function()`) returns, until `when` at most. When the deadline
/// passes first, what is being awaited inside is cancelled, and once it has ended with that a
/// timeout_error comes out, whose cause is the `cancelled`. Whatever else it ends with then, a
/// value or a failure of its cleanup, comes out as it is. `function` is kept until the end.
/// Cancellation: from elsewhere passes through as `cancelled`.
template <class F>
auto timeout_at(time_point when, F function,
                std::source_location where = std::source_location::current())
    -> task<detail::scoped_result<F>> {
  return detail::run_scoped<time_point>(when, std::move(function), where);
}

/// The same with a length of time from now on.
template <class F>
auto timeout(duration length, F function,
             std::source_location where = std::source_location::current())
    -> task<detail::scoped_result<F>> {
  return timeout_at(after(detail::now_here("timeout"), length), std::move(function), where);
}

/// When what this task awaits will be cancelled at the latest: the earliest deadline of the timeout
/// scopes it is in, or the end of time; the beginning of time when a cancellation is pending.
/// Throws invalid_state outside of a task.
time_point current_deadline();

/// Awaits `awaitable` (a task or a task_handle) for `length` at most; then cancels it, waits for
/// its end and throws timeout_error, whose cause is the `cancelled`. A task is not even begun when
/// `length` is zero or less.
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
