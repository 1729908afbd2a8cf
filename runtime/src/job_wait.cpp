#include <buskin/runtime/detail/job_wait.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/runtime.hpp>

namespace buskin::detail {

// -- awaited_job ------------------------------------------------------------------------------

bool awaited_job::settle() noexcept {
  tell_line();
  std::lock_guard guard(mutex_);
  settled_.store(true, std::memory_order_release);
  if (waiter_ != nullptr) waiter_->signal();
  return !given_up_;
}

void awaited_job::failed(std::exception_ptr reason) noexcept {
  error_ = std::move(reason);
  settle();
}

bool awaited_job::give_up() noexcept {
  {
    std::lock_guard guard(mutex_);
    if (settled_.load(std::memory_order_relaxed)) return false;
    waiter_ = nullptr;
    given_up_ = true;
  }
  if (!withdraw()) stop_.request_stop();
  return true;
}

bool awaited_job::stop_waiting() noexcept {
  std::lock_guard guard(mutex_);
  waiter_ = nullptr;
  return !settled_.load(std::memory_order_relaxed);
}

void awaited_job::fetch() {
  {
    // Whoever settled it is done with the waiter when it has left the mutex.
    std::lock_guard guard(mutex_);
    waiter_ = nullptr;
  }
  if (error_) std::rethrow_exception(error_);
}

// -- job_wait ---------------------------------------------------------------------------------

job_wait::~job_wait() {
  withdraw();
  release_time();
  state_.release();
}

bool job_wait::begin(const char* operation) {
  coro_stack& stack = stack_here(operation);
  begun_ = true;
  if (stack.cancel_pending()) {
    state_.give_up();
    return false;
  }
  state_.locals = bindings_here();
  state_.wait_from(stack.host());
  holding_time_of_ = here.worker;
  here.worker->owner().hold_time();
  return true;
}

void job_wait::release_time() noexcept {
  if (auto* held = std::exchange(holding_time_of_, nullptr)) held->owner().release_time();
}

void job_wait::refused() noexcept {
  begun_ = false;
  release_time();
}

bool job_wait::withdraw() noexcept {
  if (!begun_) return true;
  if (!state_.give_up()) return false;
  begun_ = false;
  release_time();
  return true;
}

void job_wait::end() {
  release_time();
  auto reason = interruption();
  if (!reason) return;
  if (begun_) state_.give_up();
  std::rethrow_exception(reason);
}

void job_wait::end_unless_settled() {
  // One that was given up may be settled by now, and what it did taken back.
  if (!begun_ || !state_.settled()) {
    end();
    return;
  }
  release_time();
}

void give_to_default_pool(job work) {
  here.worker->owner().owner().default_executor().enqueue(std::move(work));
}

}  // namespace buskin::detail
