// A coroutine that yields values one after the other and may await between them. Python's
// asynchronous generator.
#pragma once

#include <buskin/runtime/compiler.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/recycler.hpp>
#include <buskin/runtime/errors.hpp>

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace buskin {

/// Thrown at the co_yield of a generator that is closed while it stands there. The generator may
/// catch it to clean up, and must not yield again. Not a std::runtime_error, as `cancelled` is
/// none.
class generator_closed : public std::exception {
 public:
  const char* what() const noexcept override { return "the generator was closed"; }
};

namespace detail {

/// What every generator's coroutine does, whatever it yields.
class generator_promise_base : public recycled {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }

  // Both hand the turn back to whoever asked for a value.
  struct at_the_end {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      self.promise().hand_back(state::ended);
    }
    void await_resume() const noexcept {}
  };
  at_the_end final_suspend() const noexcept { return {}; }
  struct at_a_value {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const noexcept {
      promise.hand_back(state::yielded);
    }
    void await_resume() const {
      if (promise.closing_) throw generator_closed();
    }
    generator_promise_base& promise;
  };
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { error_ = std::current_exception(); }

  /// Whether it can go on: false when it has ended. Throws invalid_state while it runs.
  bool check_idle() const;
  /// Runs `self` on the stack that is current, until it yields or ends; then `asking` goes on.
  void go_on(std::coroutine_handle<> self, std::coroutine_handle<> asking);
  void begin_closing() noexcept { closing_ = true; }

  bool fresh() const noexcept { return state_ == state::fresh; }
  bool ended() const noexcept { return state_ == state::ended; }
  /// Throws what came out of the coroutine, once.
  void rethrow();
  /// The same after closing, of which the generator may have made nothing or another failure.
  void finish_closing();

 private:
  enum class state : std::uint8_t { fresh, running, yielded, ended };
  void hand_back(state now) noexcept;

  std::coroutine_handle<> asking_;
  std::exception_ptr error_;
  state state_ = state::fresh;
  bool closing_ = false;
};

}  // namespace detail

/// A stream of `T`s made by a coroutine.
///
///     async_generator<int> ticks(int count) {
///       for (int i = 0; i != count; ++i) {
///         co_await sleep(1s);
///         co_yield i;
///       }
///     }
///     auto all = ticks(3);
///     while (auto tick = co_await all.next()) use(*tick);
///
/// It runs only while somebody awaits `next`, on the stack of that task, so one asker at a time,
/// and different tasks one after the other. A `T` is moved through and need not be copyable.
/// Destroying it where it stands destroys its frame: destructors run, nothing can be awaited;
/// whoever has to await something then awaits `aclose`.
template <class T>
class [[nodiscard]] async_generator {
  static_assert(std::is_object_v<T>, "a generator yields values; yield a pointer for a reference");

 public:
  class promise_type final : public detail::generator_promise_base {
   public:
    async_generator get_return_object() noexcept {
      return async_generator(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    at_a_value yield_value(T value) {
      value_.emplace(std::move(value));
      return {*this};
    }
    std::optional<T> take() {
      rethrow();
      return std::exchange(value_, std::nullopt);
    }

   private:
    std::optional<T> value_;
  };
  using handle_type = std::coroutine_handle<promise_type>;

  async_generator() noexcept = default;
  async_generator(async_generator&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)) {}
  async_generator& operator=(async_generator&& other) noexcept {
    if (this != &other) {
      destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~async_generator() { destroy(); }

  class [[nodiscard("nothing happens until it is awaited")]] next_awaiter {
   public:
    explicit next_awaiter(handle_type handle) noexcept : handle_(handle) {}
    bool await_ready() const { return !handle_ || !handle_.promise().check_idle(); }
    void await_suspend(std::coroutine_handle<> asking) const {
      handle_.promise().go_on(handle_, asking);
    }
    std::optional<T> await_resume() const {
      return handle_ ? handle_.promise().take() : std::nullopt;
    }

   private:
    handle_type handle_;
  };

  class [[nodiscard("nothing happens until it is awaited")]] close_awaiter {
   public:
    explicit close_awaiter(handle_type handle) noexcept : handle_(handle) {}
    bool await_ready() const { return !handle_ || !handle_.promise().check_idle(); }
    void await_suspend(std::coroutine_handle<> asking) const {
      handle_.promise().begin_closing();
      handle_.promise().go_on(handle_, asking);
    }
    void await_resume() const {
      if (handle_) handle_.promise().finish_closing();
    }

   private:
    handle_type handle_;
  };

  /// Awaits the next value; none when the generator has ended, then and ever after. Throws what the
  /// generator threw, which ends it; invalid_state while another `next` is under way. Cancellation:
  /// surfaces at the await at which the generator stands; if it lets `cancelled` out, it has ended.
  next_awaiter next() const noexcept { return next_awaiter(handle_); }

  /// Ends the generator: generator_closed is thrown at the co_yield at which it stands, and it may
  /// clean up and await meanwhile. Throws what its cleanup throws, and invalid_state when it yields
  /// once more. One that has ended, or was never begun, ends at once.
  close_awaiter aclose() noexcept {
    if (handle_ && handle_.promise().fresh()) destroy();
    return close_awaiter(handle_);
  }

  /// False for one that is empty, has ended, or was closed.
  explicit operator bool() const noexcept { return handle_ && !handle_.promise().ended(); }

 private:
  explicit async_generator(handle_type handle) noexcept : handle_(handle) {}
  void destroy() noexcept {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

  handle_type handle_;
};

}  // namespace buskin
