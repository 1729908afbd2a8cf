// Waiting for time to pass, and letting others run.
#pragma once

#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/timer_queue.hpp>

#include <atomic>
#include <source_location>

namespace buskin {

namespace detail {

/// A wait for a timer of the worker that runs the task.
class timer_wait : public wait, private timer {
 public:
  timer_wait(time_point due, wait_kind kind, const std::source_location& where) noexcept;
  bool ready() noexcept override { return fired_.load(std::memory_order_acquire); }
  bool withdraw() noexcept override;

 protected:
  ~timer_wait() = default;
  /// Arms the timer, unless it is never due. In the task's turn.
  void begin(const char* operation);

 private:
  static void on_fire(timer& t) noexcept;
  stack_host* host_ = nullptr;
  std::atomic<bool> fired_{false};
};

class [[nodiscard("nothing happens until it is awaited")]] sleep_awaiter final : public timer_wait {
 public:
  sleep_awaiter(time_point due, const std::source_location& where) noexcept
      : timer_wait(due, wait_kind::sleep, where) {}
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume();
};

class [[nodiscard("nothing happens until it is awaited")]] yield_awaiter final : public wait {
 public:
  explicit yield_awaiter(const std::source_location& where) noexcept
      : wait(wait_kind::turn, where) {}
  bool ready() noexcept override { return true; }
  bool withdraw() noexcept override { return true; }
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume();
};

/// The present of the runtime that runs this task.
time_point now_here(const char* operation);

}  // namespace detail

/// Waits until the runtime's clock shows `when`; at least one turn of the others, also when that is
/// past. Cancellation: takes the timer out at once.
inline detail::sleep_awaiter sleep_until(
    time_point when, std::source_location where = std::source_location::current()) {
  return {when, where};
}

/// Waits for `delay` (asyncio's `sleep`). Zero or less lets the others have one turn.
inline detail::sleep_awaiter sleep(duration delay,
                                   std::source_location where = std::source_location::current()) {
  return {after(detail::now_here("sleep"), delay), where};
}

/// Lets every other actor that is ready have a turn.
inline detail::yield_awaiter yield(std::source_location where = std::source_location::current()) {
  return detail::yield_awaiter(where);
}

}  // namespace buskin
