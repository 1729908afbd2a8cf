// task<T>: a coroutine that starts when it is awaited, run, or spawned.
#pragma once

#include <buskin/runtime/compiler.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/recycler.hpp>

#include <coroutine>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace buskin {

template <class T>
class task;

namespace detail {

/// Reports a coroutine that was created at `where` and destroyed without ever having run (BK001).
void report_never_started(const std::source_location& where) noexcept;

class task_promise_base : public recycled {
 public:
  explicit task_promise_base(const std::source_location& where) noexcept : where_(where) {}

  std::suspend_always initial_suspend() const noexcept { return {}; }

  struct final_awaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      here.stack->continue_with(ended.promise().continuation_);
    }
    void await_resume() const noexcept {}
  };
  final_awaiter final_suspend() const noexcept { return {}; }

  void unhandled_exception() noexcept { error_ = std::current_exception(); }

  const std::source_location& where() const noexcept { return where_; }
  const std::exception_ptr& error() const noexcept { return error_; }
  void started_by(std::coroutine_handle<> continuation) noexcept {
    continuation_ = continuation;
    started_ = true;
  }
  bool started() const noexcept { return started_; }

 protected:
  std::exception_ptr error_;

 private:
  std::coroutine_handle<> continuation_;
  std::source_location where_;
  bool started_ = false;
};

template <class T>
class task_promise final : public task_promise_base {
 public:
  // Where the coroutine is defined: the default argument names the coroutine itself.
  explicit task_promise(std::source_location where = std::source_location::current()) noexcept
      : task_promise_base(where) {}

  task<T> get_return_object() noexcept;

  template <class U = T>
  requires std::convertible_to<U, T>
  void return_value(U&& value) { value_.emplace(std::forward<U>(value)); }

  T take() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class task_promise<void> final : public task_promise_base {
 public:
  explicit task_promise(std::source_location where = std::source_location::current()) noexcept
      : task_promise_base(where) {}

  task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }
};

}  // namespace detail

/// A lazily started coroutine that yields a `T` or throws.
///
/// Awaiting it runs it inside the awaiting actor; `buskin::spawn` makes it an actor of its own. It
/// is awaited or spawned at most once, and owns its frame: whatever was passed by value lives as
/// long as it does. One that is destroyed before it started is reported once (BK001) with the place
/// where the coroutine stands in the source.
template <class T = void>
class [[nodiscard("a task does nothing until it is awaited, run or spawned")]] task {
 public:
  using promise_type = detail::task_promise<T>;
  using value_type = T;
  using handle_type = std::coroutine_handle<promise_type>;

  task() noexcept = default;
  explicit task(handle_type handle) noexcept : handle_(handle) {}
  task(task && other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      discard();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~task() { discard(); }

  /// False for a default-constructed or moved-from task.
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  /// Where the coroutine stands in the source.
  std::source_location where() const noexcept {
    return handle_ ? handle_.promise().where() : std::source_location{};
  }

  class awaiter {
   public:
    explicit awaiter(handle_type handle) noexcept : handle_(handle) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      if (detail::here.stack == nullptr)
        throw invalid_state("a buskin::task can be awaited inside another task only");
      if (!handle_ || handle_.promise().started())
        throw invalid_state("a task can be awaited once");
      handle_.promise().started_by(awaiting);
      detail::here.stack->continue_with(handle_);
    }
    T await_resume() const { return handle_.promise().take(); }

   private:
    handle_type handle_;
  };

  /// Runs it on the awaiter's stack and yields its result. Cancellation: of the awaiting actor
  /// reaches the innermost await.
  awaiter operator co_await() const& noexcept { return awaiter(handle_); }
  awaiter operator co_await()&& noexcept { return awaiter(handle_); }

  /// Drops the coroutine unstarted without a report.
  void dismiss() noexcept {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

  /// Gives the frame away. For those who run tasks.
  handle_type release() noexcept { return std::exchange(handle_, nullptr); }

 private:
  void discard() noexcept {
    if (!handle_) return;
    if (!handle_.promise().started()) detail::report_never_started(handle_.promise().where());
    std::exchange(handle_, nullptr).destroy();
  }

  handle_type handle_;
};

template <class T>
task<T> detail::task_promise<T>::get_return_object() noexcept {
  return task<T>(std::coroutine_handle<task_promise>::from_promise(*this));
}
inline task<void> detail::task_promise<void>::get_return_object() noexcept {
  return task<void>(std::coroutine_handle<task_promise>::from_promise(*this));
}

}  // namespace buskin
