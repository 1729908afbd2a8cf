#include <buskin/runtime/current_task.hpp>

#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/detail/watchdog.hpp>

#include <caf/local_actor.hpp>

namespace buskin {

namespace {

const detail::task_actor_base* task_of(detail::coro_stack& stack) {
  return dynamic_cast<const detail::task_actor_base*>(&stack.host().self());
}

}  // namespace

detail::coro_stack& this_task::own(const char* operation) const {
  if (detail::here.stack != stack_) {
    detail::check_own(stack_, operation);
    throw invalid_state(std::string(operation) +
                        " was called for a task that does not run here; ask current_task() anew");
  }
  return *stack_;
}

std::string this_task::name() const {
  auto& stack = own("current_task().name()");
  const auto* task = task_of(stack);
  return task != nullptr ? task->task_name() : stack.host().self().name();
}

std::uint64_t this_task::id() const { return own("current_task().id()").host().self().id(); }

std::optional<std::source_location> this_task::created() const {
  const auto* task = task_of(own("current_task().created()"));
  return task != nullptr ? std::optional(task->created()) : std::nullopt;
}

std::uint32_t this_task::cancelling() const {
  return own("current_task().cancelling()").cancelling();
}

std::uint32_t this_task::uncancel() const { return own("current_task().uncancel()").uncancel(); }

void this_task::cancel(std::string reason) const {
  auto& stack = own("current_task().cancel()");
  stack.cancel(std::make_exception_ptr(cancelled(std::move(reason))));
  stack.host().signal();
}

this_task current_task() {
  if (detail::here.stack == nullptr)
    throw invalid_state("current_task was called outside of a task");
  return this_task(*detail::here.stack);
}

}  // namespace buskin
