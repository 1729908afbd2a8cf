#include <buskin/actors/as_completed.hpp>

#include <buskin/actors/queue.hpp>
#include <buskin/actors/timeout.hpp>

#include <caf/attachable.hpp>

#include <atomic>

namespace buskin::detail {

namespace {

/// Puts the number of its task into the queue when that has ended.
class completion_watch final : public caf::attachable, public recycled {
 public:
  completion_watch(queue<std::size_t> to, std::size_t number, const void* mark)
      : ended_(std::move(to)), number_(number), mark_(mark) {}
  void actor_exited(const caf::error&, caf::execution_unit*) override {
    ended_.put_nowait(number_);  // never full, never shut down
  }
  bool matches(const token& what) override {
    return what.subtype == token::anonymous && what.ptr == mark_;
  }

 private:
  queue<std::size_t> ended_;
  std::size_t number_;
  const void* mark_;
};

}  // namespace

struct completion_core::impl {
  impl(std::vector<lean_ref<task_actor_base>> all, bool own_them, time_point until)
      : tasks(std::move(all)), own(own_them), deadline(until), unclaimed(tasks.size()) {}

  /// A place among those who will get one; false when there are as many as tasks already.
  bool claim() noexcept {
    auto left = unclaimed.load(std::memory_order_relaxed);
    while (left != 0)
      if (unclaimed.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) return true;
    return false;
  }

  std::vector<lean_ref<task_actor_base>> tasks;
  const bool own;
  const time_point deadline;
  queue<std::size_t> ended;
  std::atomic<std::size_t> unclaimed;  // guards nothing: the queue hands each number out once
};

completion_core::completion_core(std::vector<lean_ref<task_actor_base>> tasks, bool own,
                                 duration limit) {
  auto& system = system_here("as_completed");
  for (const auto& task : tasks) {
    if (!task) throw invalid_state("a task_handle given to as_completed refers to no task");
    if (&task->home_system() != &system)
      throw wrong_runtime("task \"" + task->task_name() +
                          "\", given to as_completed, belongs to another runtime");
  }
  const auto deadline =
      limit == infinite ? timeout_scope::no_deadline : after(now_here("as_completed"), limit);
  impl_ = std::make_unique<impl>(std::move(tasks), own, deadline);
  for (std::size_t i = 0; i != impl_->tasks.size(); ++i)
    impl_->tasks[i]->attach(
        caf::attachable_ptr(new completion_watch(impl_->ended, i, impl_.get())));
}

completion_core::~completion_core() {
  if (!impl_) return;
  const caf::attachable::token mine(caf::attachable::token::anonymous, impl_.get());
  for (const auto& task : impl_->tasks) {
    if (task->done()) continue;
    task->detach(mine);
    if (impl_->own)
      task->cancel(std::make_exception_ptr(cancelled("nobody takes its result any more")));
  }
}

std::size_t completion_core::left() const noexcept {
  return impl_->unclaimed.load(std::memory_order_relaxed);
}

task<std::optional<std::size_t>> completion_core::next(std::shared_ptr<completion_core> self,
                                                       std::source_location where) {
  auto& all = *self->impl_;
  if (!all.claim()) co_return std::nullopt;
  struct claim {
    ~claim() {
      if (!kept) unclaimed.fetch_add(1, std::memory_order_relaxed);
    }
    std::atomic<std::size_t>& unclaimed;
    bool kept = false;
  } mine{all.unclaimed};
  std::size_t number = 0;
  if (all.deadline == timeout_scope::no_deadline)
    number = co_await all.ended.get(where);
  else
    number = co_await timeout_at(
        all.deadline, [&] { return all.ended.get(where); }, where);
  mine.kept = true;
  co_return number;
}

}  // namespace buskin::detail
