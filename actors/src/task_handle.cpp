#include <buskin/actors/task_handle.hpp>

#include <caf/local_actor.hpp>

namespace buskin::detail {

void check_same_runtime(const task_actor_base& task, stack_host& host, const char* operation) {
  if (&task.home_system() == &host.self().home_system()) return;
  throw wrong_runtime("task \"" + task.task_name() +
                      "\" belongs to another runtime than the task " + "that awaits it (" +
                      operation +
                      "); submit the waiting to that runtime, or send a message across");
}

bool join_wait::await_ready() {
  coro_stack& stack = stack_here("task_handle::join");
  check_same_runtime(*task_, stack.host(), "task_handle::join");
  if (task_->done()) return true;
  if (&task_->stack() == &stack)
    throw invalid_state("task \"" + task_->task_name() + "\" awaits itself");
  ended_ = cell_ref<exit_watch::outcome>::adopt(new exit_watch::outcome(&stack.host()));
  exit_watch::attach(*task_, ended_);
  return false;
}

bool join_wait::withdraw() noexcept {
  insist();
  return false;
}

void join_wait::insist() noexcept {
  if (!task_->done()) task_->cancel(std::make_exception_ptr(cancelled("its waiter was cancelled")));
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
