// A function on its way to an executor: it runs once, or whoever waits for it learns why it will
// not.
#pragma once

#include <buskin/runtime/detail/job_state.hpp>

#include <concepts>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

namespace buskin {

/// What an executor is given. Copies are the same job, so it fits where a copyable function is
/// wanted. Any thread may hold, run or refuse it; the first who does so wins, everything later does
/// nothing.
///
/// When the last copy is dropped and nobody ran or refused it, the job counts as refused with
/// broken_promise: no waiter is left hanging by a careless executor.
class job {
 public:
  job() noexcept = default;

  /// A function that nobody waits for. What it throws, and a refusal, is reported (BK030).
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, job> && std::invocable<std::decay_t<F>&>)
      job(F&& function,  // implicit: execute([] { … }) is how a plain function is handed over
          std::source_location where = std::source_location::current())
      : job(*new detail::function_job_state<std::decay_t<F>>(std::forward<F>(function), where)) {
    state_->release();  // our copies keep it
  }

  /// One more copy of the job that `state` is.
  explicit job(detail::job_state& state) noexcept : state_(&state) { state_->add_holder(); }

  job(const job& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->add_holder();
  }
  job(job&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  job& operator=(job other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~job() {
    if (state_ != nullptr) state_->drop_holder();
  }

  /// Runs it in this thread. Does not throw what the function throws: that goes to whoever waits.
  void operator()() const {
    if (state_ != nullptr) state_->run();
  }
  /// It will never run: whoever waits gets `reason` as an exception.
  void refuse(std::exception_ptr reason) const noexcept {
    if (state_ != nullptr) state_->refuse(std::move(reason));
  }
  /// Drops this copy. If it was the last one, the job counts as given up and nobody is told: for
  /// whoever learnt of a refusal by an exception.
  void dismiss() noexcept {
    if (auto* state = std::exchange(state_, nullptr)) state->dismiss_holder();
  }
  /// Neither run, nor refused, nor given up by its waiter.
  bool wanted() const noexcept { return state_ != nullptr && state_->waiting(); }
  /// Where it was asked for.
  std::source_location where() const noexcept {
    return state_ != nullptr ? state_->where() : std::source_location{};
  }
  explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  friend class detail::job_list;
  detail::job_state* state_ = nullptr;
};

}  // namespace buskin
