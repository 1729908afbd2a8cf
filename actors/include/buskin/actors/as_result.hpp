// Awaiting without exceptions: what came of it, as a value.
#pragma once

#include <buskin/actors/detail/awaitable.hpp>
#include <buskin/actors/result.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace buskin {

namespace detail {

/// Tells a cancellation of the task that awaits from one that is a result.
class cancel_watch {
 public:
  void begin() noexcept {
    if (here.stack == nullptr) return;
    pending_ = here.stack->cancel_pending();
    before_ = here.stack->cancelling();
  }
  bool cancelled_since() const noexcept {
    return here.stack != nullptr && (pending_ || here.stack->cancelling() > before_);
  }

 private:
  std::uint32_t before_ = 0;
  bool pending_ = false;
};

/// Rethrows the exception being handled if it is the awaiting task's own cancellation.
std::exception_ptr caught_unless_cancelled(const cancel_watch& watch);

/// Awaits `Awaitable` (an rvalue reference or a value) and keeps what it throws.
template <class Awaitable>
class result_awaiter {
  using yielded = await_result<Awaitable>;

 public:
  explicit result_awaiter(Awaitable&& awaitable)
      : awaitable_(std::forward<Awaitable>(awaitable)),
        awaiter_(awaiter_of(std::forward<Awaitable>(awaitable_))) {}
  result_awaiter(const result_awaiter&) = delete;
  result_awaiter& operator=(const result_awaiter&) = delete;

  bool await_ready() {
    watch_.begin();
    try {
      return awaiter_.await_ready();
    } catch (...) {
      error_ = caught_unless_cancelled(watch_);
      return true;
    }
  }
  bool await_suspend(std::coroutine_handle<> handle) {
    try {
      if constexpr (std::is_void_v<decltype(awaiter_.await_suspend(handle))>) {
        awaiter_.await_suspend(handle);
        return true;
      } else {
        return awaiter_.await_suspend(handle);
      }
    } catch (...) {
      error_ = caught_unless_cancelled(watch_);
      return false;
    }
  }
  result<yielded> await_resume() {
    if (error_) return std::move(error_);
    try {
      if constexpr (std::is_void_v<yielded>) {
        awaiter_.await_resume();
        return std::monostate{};
      } else {
        return awaiter_.await_resume();
      }
    } catch (...) {
      return caught_unless_cancelled(watch_);
    }
  }

 private:
  Awaitable awaitable_;
  decltype(awaiter_of(std::declval<Awaitable>())) awaiter_;
  cancel_watch watch_;
  std::exception_ptr error_;
};

}  // namespace detail

/// Awaits `awaitable` (a task, a task_handle, or what an operation returns) and yields its value or
/// its exception as a `result`, a `cancelled` of the awaited task among them. To be awaited in one
/// expression. Cancellation: of the awaiting task is no result; it is thrown as ever.
template <class Awaitable>
requires std::is_move_constructible_v<std::remove_cvref_t<Awaitable>>
auto as_result(Awaitable&& awaitable) {
  return detail::result_awaiter<std::remove_cvref_t<Awaitable>>(
      std::remove_cvref_t<Awaitable>(std::forward<Awaitable>(awaitable)));
}

template <class Awaitable>
requires(!std::is_move_constructible_v<std::remove_cvref_t<Awaitable>>) auto as_result(
    Awaitable&& awaitable) {
  return detail::result_awaiter<Awaitable&&>(std::forward<Awaitable>(awaitable));
}

}  // namespace buskin
