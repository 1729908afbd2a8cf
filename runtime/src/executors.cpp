// The executors of a runtime, and what its task factory sees.
#include "runtime_impl.hpp"

namespace buskin {

thread_pool& runtime::default_executor() { return impl_->executors.current(); }

void runtime::set_default_executor(std::shared_ptr<thread_pool> pool) {
  impl_->executors.set(std::move(pool));
}

const context& runtime::main_context() const noexcept { return impl_->main_context; }

void runtime::set_task_factory(std::function<void(new_task&)> factory) {
  std::lock_guard guard(impl_->handler_mutex);
  impl_->has_factory.store(static_cast<bool>(factory), std::memory_order_relaxed);
  impl_->factory = std::move(factory);
}

void runtime::show(detail::task_actor_base& actor) {
  if (!impl_->has_factory.load(std::memory_order_relaxed)) return;
  std::function<void(new_task&)> factory;
  {
    std::lock_guard guard(impl_->handler_mutex);
    factory = impl_->factory;
  }
  if (!factory) return;
  new_task task{actor.id(), actor.task_name(), actor.created()};
  factory(task);
  if (!task.name.empty()) actor.rename(std::move(task.name));
}

}  // namespace buskin
