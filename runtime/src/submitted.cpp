#include <buskin/runtime/submitted.hpp>

#include <buskin/runtime/detail/watchdog.hpp>

#include <condition_variable>
#include <mutex>

namespace buskin::detail {

class end_latch {
 public:
  void end() {
    std::lock_guard guard(mutex_);
    ended_ = true;
    changed_.notify_all();
    if (waiter_ != nullptr) waiter_->signal();
  }
  void wait() {
    std::unique_lock guard(mutex_);
    changed_.wait(guard, [this] { return ended_; });
  }
  bool wait_for(duration limit) {
    std::unique_lock guard(mutex_);
    return changed_.wait_until(guard, after(std::chrono::steady_clock::now(), limit),
                               [this] { return ended_; });
  }
  bool ended() {
    std::lock_guard guard(mutex_);
    return ended_;
  }
  /// False when it has ended.
  bool enter(stack_host& waiter) {
    std::lock_guard guard(mutex_);
    if (ended_) return false;
    if (waiter_ != nullptr)
      throw invalid_state("another task awaits this submitted task already; one can");
    waiter_ = &waiter;
    return true;
  }
  void leave() noexcept {
    std::lock_guard guard(mutex_);
    waiter_ = nullptr;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  stack_host* waiter_ = nullptr;  // kept alive by its wait; guarded by mutex_
  bool ended_ = false;            // guarded by mutex_
};

submitted_base::submitted_base(lean_ref<task_actor_base> whom)
    : task(std::move(whom)), latch(std::make_shared<end_latch>()) {
  task->attach_functor([latch = latch] { latch->end(); });
}

task_actor_base& submitted_base::checked() const {
  if (!task) throw invalid_state("this submitted refers to no task");
  return *task;
}

void submitted_base::wait() const {
  if (checked().done()) return;
  refuse_to_block("submitted::get");
  latch->wait();
}

bool submitted_base::wait_for(duration limit) const {
  if (checked().done()) return true;
  refuse_to_block("submitted::wait_for");
  return latch->wait_for(limit);
}

submitted_wait::submitted_wait(const submitted_base& what, const std::source_location& where)
    : wait(wait_kind::join, where, what.checked().id()), task_(what.task), latch_(what.latch) {}

submitted_wait::~submitted_wait() {
  if (entered_) latch_->leave();
}

bool submitted_wait::await_ready() {
  coro_stack& stack = stack_here("submitted::join");
  if (&task_->stack() == &stack)
    throw invalid_state("task \"" + task_->task_name() + "\" awaits itself");
  entered_ = latch_->enter(stack.host());
  return !entered_;
}

bool submitted_wait::ready() noexcept { return latch_->ended(); }

bool submitted_wait::withdraw() noexcept {
  task_->cancel(std::make_exception_ptr(cancelled("its waiter was cancelled")));
  return false;
}

void submitted_wait::check() {
  if (auto reason = interruption()) {
    task_->mark_fetched();
    std::rethrow_exception(reason);
  }
}

}  // namespace buskin::detail
