#include <buskin/runtime/detail/operation_wait.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/runtime.hpp>

#include <chrono>
#include <thread>

namespace buskin::detail {

// -- operation_state --------------------------------------------------------------------------

void operation_state::end() noexcept {
  stack_host* host = nullptr;
  {
    std::lock_guard guard(mutex_);
    ended_.store(true, std::memory_order_release);
    if (waiter_ == nullptr) return;
    if (here.worker == nullptr || &here.worker->system() != &waiter_->self().home_system()) {
      // A foreign thread: once the waiter is out of here, its runtime may be gone.
      waiter_->signal();
      return;
    }
    host = waiter_;
    host->hold();
  }
  // In a handler of our own loops: the task goes on at once where it can.
  host->signal_here();
  host->drop();
}

void operation_state::drop() noexcept {
  dropped =
      std::make_exception_ptr(broken_promise("the operation was dropped without an end: its "
                                             "io_context was destroyed, or its handler lost"));
  std::lock_guard guard(mutex_);
  ended_.store(true, std::memory_order_release);
  // The loops of a runtime that ends drop what was pending; nobody can be given a turn by then.
  if (waiter_ != nullptr) signal_if_running(*waiter_);
}

// -- operation_wait ---------------------------------------------------------------------------

bool operation_wait::begin(const std::source_location& where) {
  record_.where = where;
  coro_stack& stack = stack_here("an operation with use_task");
  if (stack.cancel_pending()) return false;
  host_ = &stack.host();
  if (here.worker->owner().threaded()) host_->move_to(*here.worker);
  return true;
}

void operation_wait::begun(std::shared_ptr<operation_state> state) {
  state_ = std::move(state);
  state_->wait_from(*host_);
}

bool operation_wait::withdraw() noexcept {
  if (state_ == nullptr) return true;
  if (!cancel_asked_ && !state_->ended()) {
    cancel_asked_ = true;
    emit(state_);
  }
  return false;
}

void operation_wait::check(bool broken_off) {
  if (state_ != nullptr) state_->forget_waiter();
  if (state_ == nullptr || (broken_off && cancel_asked_))
    if (auto reason = interruption()) std::rethrow_exception(reason);
  if (state_ != nullptr && state_->dropped) std::rethrow_exception(state_->dropped);
}

void operation_wait::leave() noexcept {
  if (state_ == nullptr) return;
  state_->forget_waiter();
  if (state_->ended()) return;
  withdraw();
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (!state_->ended()) {
    if (std::chrono::steady_clock::now() > limit) {
      report_of(host_->self().home_system(),
                {"BK031",
                 "an actor ended while an operation of Asio that it awaits goes on (at " +
                     to_string(record_.where) + "); what the operation uses may be gone",
                 nullptr,
                 {},
                 {}});
      return;
    }
    // Our own loop's handlers are run here; those of others run where they run.
    if (here.worker == nullptr || here.worker->io().poll_one() == 0)
      std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

bool is_loop_here(const asio::execution_context& context) noexcept {
  return here.worker != nullptr && &context == &here.worker->io();
}

}  // namespace buskin::detail
