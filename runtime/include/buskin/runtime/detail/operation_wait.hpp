// Waits for an operation of Asio. See use_task.hpp.
#pragma once

#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/recycled_allocator.hpp>
#include <buskin/runtime/detail/recycler.hpp>
#include <buskin/runtime/errors.hpp>

#include <asio/cancellation_signal.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/error_code.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace buskin::detail {

/// What an operation's handler and its waiter share; either may be gone first. The handler touches
/// the waiter under the mutex, or in a handler of the waiter's own loop.
class operation_state : public recycled {
 public:
  operation_state() = default;
  virtual ~operation_state() = default;
  operation_state(const operation_state&) = delete;
  operation_state& operator=(const operation_state&) = delete;

  bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  void wait_from(stack_host& host) {
    std::lock_guard guard(mutex_);
    waiter_ = &host;
  }
  /// The waiter is gone, or about to be; whoever ended the operation is done with it.
  void forget_waiter() noexcept {
    std::lock_guard guard(mutex_);
    waiter_ = nullptr;
  }
  asio::cancellation_slot slot() noexcept { return signal_.slot(); }
  /// Where the operation's handler runs.
  void call_off() {
    if (!ended()) signal_.emit(asio::cancellation_type::all);
  }

  /// The operation has ended; what it yields is there.
  void end() noexcept;
  /// Its handler was destroyed without being called.
  void drop() noexcept;

  std::exception_ptr dropped;  // set by drop

 private:
  std::mutex mutex_;
  stack_host* waiter_ = nullptr;    // guarded by mutex_
  std::atomic<bool> ended_{false};  // written under mutex_
  asio::cancellation_signal signal_;
};

/// With a place for the values.
template <class... Values>
class operation_result final : public operation_state {
 public:
  template <class... Given>
  void finish(Given&&... values) {
    try {
      values_.emplace(std::forward<Given>(values)...);
    } catch (...) {
      dropped = std::current_exception();
    }
    end();
  }
  std::optional<std::tuple<Values...>>& values() noexcept { return values_; }

 private:
  std::optional<std::tuple<Values...>> values_;
};

/// The completion handler.
template <class... Values>
class operation_handler {
 public:
  using allocator_type = recycled_allocator<void>;
  using cancellation_slot_type = asio::cancellation_slot;
  using result = operation_result<Values...>;

  explicit operation_handler(std::shared_ptr<result> state) noexcept : state_(std::move(state)) {}
  operation_handler(operation_handler&&) noexcept = default;
  operation_handler& operator=(operation_handler&&) noexcept = default;
  ~operation_handler() {
    if (state_) state_->drop();
  }

  allocator_type get_allocator() const noexcept { return {}; }
  cancellation_slot_type get_cancellation_slot() const noexcept { return state_->slot(); }

  template <class... Given>
  void operator()(Given&&... values) {
    std::exchange(state_, nullptr)->finish(std::forward<Given>(values)...);
  }

 private:
  std::shared_ptr<result> state_;
};

/// Gives `host` a turn, unless its runtime is about to be gone.
void signal_if_running(stack_host& host) noexcept;

/// What a signature's values become: an error in front is thrown, one value stays itself, several
/// are a tuple.
template <class... Values>
struct outcome_of {
  using error = void;
  using values = std::tuple<Values...>;
};
template <class... Values>
struct outcome_of<asio::error_code, Values...> {
  using error = asio::error_code;
  using values = std::tuple<Values...>;
};
template <class... Values>
struct outcome_of<std::exception_ptr, Values...> {
  using error = std::exception_ptr;
  using values = std::tuple<Values...>;
};

template <class Tuple>
struct yielded {
  using type = Tuple;
};
template <>
struct yielded<std::tuple<>> {
  using type = void;
};
template <class T>
struct yielded<std::tuple<T>> {
  using type = T;
};

class operation_wait : public wait {
 public:
  bool ready() noexcept override { return state_ == nullptr || state_->ended(); }
  bool withdraw() noexcept override;
  bool holds_frames() const noexcept override { return state_ != nullptr && !state_->ended(); }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }

 protected:
  operation_wait() noexcept : wait(wait_kind::operation, std::source_location()) {}
  ~operation_wait() = default;
  /// Lets the operation end before the frame goes. First in the destructor of every derived class;
  /// there is something to do only for an actor that ended in the middle.
  void leave() noexcept;

  /// In the task's turn. False when the operation is not to be begun: the task is to be cancelled.
  bool begin(const std::source_location& where);
  void begun(std::shared_ptr<operation_state> state);
  void not_begun() noexcept { state_ = nullptr; }
  /// Throws what stands instead of a result: the cancellation when it broke the operation off.
  void check(bool broken_off);
  bool cancel_asked() const noexcept { return cancel_asked_; }

 private:
  /// Calls the operation off where its handler runs.
  virtual void emit(std::shared_ptr<operation_state> state) noexcept = 0;
  std::shared_ptr<operation_state> state_;
  stack_host* host_ = nullptr;
  bool cancel_asked_ = false;
};

/// Whether `context` is the loop of the worker that runs here.
bool is_loop_here(const asio::execution_context& context) noexcept;

/// An operation that begins when it is awaited. Owns its arguments.
template <class Initiation, class Arguments, class... Values>
class [[nodiscard("an operation with use_task begins when it is awaited")]] operation final
    : public operation_wait {
  using outcome = outcome_of<Values...>;
  using yield = typename yielded<typename outcome::values>::type;

 public:
  operation(Initiation initiation, Arguments arguments)
      : initiation_(std::move(initiation)), arguments_(std::move(arguments)) {}
  ~operation() { leave(); }

  bool await_ready(std::source_location where = std::source_location::current()) {
    if (!begin(where)) return false;
    result_ = std::allocate_shared<operation_result<Values...>>(recycled_allocator<char>());
    begun(result_);
    try {
      std::apply(
          [this](auto&... parts) {
            std::move(initiation_)(operation_handler<Values...>(result_), std::move(parts)...);
          },
          arguments_);
    } catch (...) {
      not_begun();
      throw;
    }
    return false;
  }

  yield await_resume() {
    using error = typename outcome::error;
    if (!result_) check(true);  // cancelled before it began
    auto& values = result_->values();
    if constexpr (std::is_same_v<error, asio::error_code>) {
      const auto code = values ? std::get<0>(*values) : asio::error_code();
      check(was_broken_off(code));
      if (code) throw std::system_error(code);
      return rest(std::move(*values), std::make_index_sequence<sizeof...(Values) - 1>());
    } else if constexpr (std::is_same_v<error, std::exception_ptr>) {
      const auto thrown = values ? std::get<0>(*values) : nullptr;
      check(cancel_asked() && thrown != nullptr);
      if (thrown) std::rethrow_exception(thrown);
      return rest(std::move(*values), std::make_index_sequence<sizeof...(Values) - 1>());
    } else {
      check(false);
      return all(std::move(*values));
    }
  }

 private:
  static bool was_broken_off(const asio::error_code& code) noexcept {
    return code == asio::error::operation_aborted;
  }

  template <class Tuple, std::size_t... I>
  static yield rest(Tuple && values, std::index_sequence<I...>) {
    if constexpr (sizeof...(I) == 1)
      return std::get<1>(std::move(values));
    else if constexpr (sizeof...(I) > 1)
      return yield(std::get<I + 1>(std::move(values))...);
  }
  template <class Tuple>
  static yield all(Tuple && values) {
    if constexpr (std::tuple_size_v<std::remove_cvref_t<Tuple>> == 1)
      return std::get<0>(std::move(values));
    else if constexpr (std::tuple_size_v<std::remove_cvref_t<Tuple>> > 1)
      return std::move(values);
  }

  void emit(std::shared_ptr<operation_state> state) noexcept override {
    if constexpr (requires { initiation_.get_executor(); }) {
      const auto executor = initiation_.get_executor();
      if (!is_loop_here(asio::query(executor, asio::execution::context))) {
        asio::dispatch(executor, [state = std::move(state)] { state->call_off(); });
        return;
      }
    }
    state->call_off();
  }

  Initiation initiation_;
  Arguments arguments_;
  std::shared_ptr<operation_result<Values...>> result_;
};

}  // namespace buskin::detail
