// Waits for a job that an executor runs elsewhere. What to_thread and run_on have in common.
#pragma once

#include <buskin/runtime/detail/context_state.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/job_state.hpp>
#include <buskin/runtime/job.hpp>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <source_location>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

namespace buskin::detail {

/// A job and the place for its outcome. The job's thread touches the waiter under the mutex only,
/// and the waiter takes itself out under it: once it is gone, nothing of its runtime is touched.
class awaited_job : public job_state {
 public:
  using job_state::job_state;

  void wait_from(stack_host& host) {
    std::lock_guard guard(mutex_);
    waiter_ = &host;
  }
  bool settled() const noexcept { return settled_.load(std::memory_order_acquire); }
  /// The waiter gives up: a job that has not begun will not run; of one that runs a stop is
  /// requested, and its result is dropped. False when the outcome is there.
  bool give_up() noexcept;
  /// The waiter goes, the job stays: somebody else will ask for the outcome. False when it is
  /// there.
  bool stop_waiting() noexcept;
  /// The waiter is about to fetch the outcome; throws it when it is an exception.
  void fetch();

  bindings locals;  // of whoever asked

 protected:
  ~awaited_job() override = default;
  std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  /// The outcome is there. False when whoever waited has given up: then nobody will fetch it.
  bool settle() noexcept;
  void failed(std::exception_ptr reason) noexcept override;

 private:
  std::mutex mutex_;
  stack_host* waiter_ = nullptr;      // guarded by mutex_; null when nobody waits
  bool given_up_ = false;             // guarded by mutex_
  std::exception_ptr error_;          // written before settled_
  std::atomic<bool> settled_{false};  // written under mutex_
  std::stop_source stop_;
};

template <class F, class... Args>
constexpr bool wants_stop = std::is_invocable_v<F, std::stop_token, Args...>;

template <class F, class... Args>
struct job_result {
  static_assert(
      std::is_invocable_v<F, Args...>,
      "the function cannot be called with these arguments (which are copies: use std::ref "
      "for a reference), nor with a std::stop_token before them");
  using type = std::invoke_result_t<F, Args...>;
};
template <class F, class... Args>
requires wants_stop<F, Args...>
struct job_result<F, Args...> {
  using type = std::invoke_result_t<F, std::stop_token, Args...>;
};

template <class R>
class awaited_job_yielding : public awaited_job {
  static_assert(!std::is_reference_v<R>,
                "a function that runs elsewhere returns a value; return a pointer, or "
                "std::reference_wrapper, for what lives longer than the call");

 public:
  using awaited_job::awaited_job;
  R take() {
    fetch();
    if constexpr (!std::is_void_v<R>) return std::move(*value_);
  }

 protected:
  ~awaited_job_yielding() override = default;
  std::optional<std::conditional_t<std::is_void_v<R>, char, R>> value_;
};

template <class R, class F, class... Args>
class awaited_call final : public awaited_job_yielding<R> {
 public:
  template <class G, class... Given>
  awaited_call(const std::source_location& where, G&& function, Given&&... args)
      : awaited_job_yielding<R>(where),
        call_(std::in_place, std::forward<G>(function), std::forward<Given>(args)...) {}

 private:
  void call() override {
    {
      const context_scope inside(this->locals);
      struct clearing {
        ~clearing() { call.reset(); }
        std::optional<std::tuple<F, Args...>>& call;
      } at_the_end{call_};
      if constexpr (std::is_void_v<R>)
        std::apply([this](auto&... parts) { this->invoke(std::move(parts)...); }, *call_);
      else
        this->value_.emplace(std::apply(
            [this](auto&... parts) -> R { return this->invoke(std::move(parts)...); }, *call_));
    }
    this->settle();
  }
  template <class... Parts>
  R invoke(F&& function, Parts&&... args) {
    if constexpr (wants_stop<F, Parts...>)
      return std::invoke(std::move(function), this->stop_token(), std::forward<Parts>(args)...);
    else
      return std::invoke(std::move(function), std::forward<Parts>(args)...);
  }
  void discard() noexcept override { call_.reset(); }

  std::optional<std::tuple<F, Args...>> call_;
};

/// Waits for the outcome of a job. Owns a reference to it.
class job_wait : public wait {
 public:
  bool ready() noexcept override { return state_.settled(); }
  bool withdraw() noexcept override;

 protected:
  /// Takes the creator's reference over.
  job_wait(awaited_job* created, const std::source_location& where) noexcept
      : wait(wait_kind::job, where), state_(*created) {}
  ~job_wait();
  /// Registers for the outcome. In the task's turn. False when the job is not to be handed over:
  /// the task is to be cancelled.
  bool begin(const char* operation);
  /// The executor did not take it.
  void refused() noexcept;
  /// Throws the cancellation, if there is one.
  void end();
  /// The same, but an outcome that is there comes first: the cancellation surfaces at the next
  /// await. For what must not be lost.
  void end_unless_settled();

  awaited_job& state() const noexcept { return state_; }

 private:
  void release_time() noexcept;

  awaited_job& state_;
  worker* holding_time_of_ = nullptr;  // whose clock stands still; null when it does not
  bool begun_ = false;
};

/// Awaits a job that yields R.
template <class R>
class job_awaiter : public job_wait {
 public:
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  R await_resume() {
    this->end();
    return static_cast<awaited_job_yielding<R>&>(this->state()).take();
  }

 protected:
  job_awaiter(awaited_job_yielding<R>* created, const std::source_location& where) noexcept
      : job_wait(created, where) {}
  ~job_awaiter() = default;

  /// The await_ready of those who give the job to an executor by `hand_over`.
  template <class F>
  bool start(const char* operation, F hand_over) {
    if (!this->begin(operation)) return false;
    try {
      hand_over(job(this->state()));
    } catch (...) {
      this->refused();
      throw;
    }
    return false;
  }
};

void give_to_default_pool(job work);

}  // namespace buskin::detail
