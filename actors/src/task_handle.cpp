#include <buskin/actors/task_handle.hpp>

namespace buskin::detail {

bool join_wait::await_ready() {
  coro_stack& stack = stack_here("task_handle::join");
  if (task_->done()) return true;
  if (&task_->stack() == &stack)
    throw invalid_state("task \"" + task_->task_name() + "\" awaits itself");
  ended_ = cell_ref<exit_watch::outcome>::adopt(new exit_watch::outcome(&stack.host()));
  exit_watch::attach(*task_, ended_);
  return false;
}

bool join_wait::withdraw() noexcept {
  if (task_->done()) return false;
  task_->cancel(std::make_exception_ptr(cancelled("its waiter was cancelled")));
  return false;
}

join_wait::~join_wait() {
  if (ended_ && ended_->abandon()) exit_watch::detach(*task_, *ended_);
}

void join_wait::check() {
  if (auto reason = interruption()) {
    task_->mark_fetched();
    std::rethrow_exception(reason);
  }
}

}  // namespace buskin::detail
