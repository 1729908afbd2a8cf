#include <buskin/actors/detail/tasks_wait.hpp>

#include <buskin/actors/task_handle.hpp>

#include <caf/attachable.hpp>

#include <atomic>

namespace buskin::detail {

/// What the tasks' ends add up to. Outlives the wait where an end is being told just then.
struct tasks_wait::tally {
  tally(stack_host& h, when u) noexcept : host(h), until(u) { host.hold(); }
  ~tally() { host.drop(); }
  tally(const tally&) = delete;
  tally& operator=(const tally&) = delete;

  void note(const task_actor_base& task) noexcept {
    const task_actor_base* nobody = nullptr;
    first.compare_exchange_strong(nobody, &task, std::memory_order_acq_rel);
    if (task.state() == task_state::failed) failed.store(true, std::memory_order_release);
    ended.fetch_add(1, std::memory_order_acq_rel);
  }
  bool satisfied() const noexcept {
    const auto seen = ended.load(std::memory_order_acquire);
    return seen >= total || (until == when::first_completed && seen != 0) ||
           (until == when::first_exception && failed.load(std::memory_order_acquire));
  }

  stack_host& host;
  const when until;
  std::size_t total = 0;
  std::atomic<std::size_t> ended{0};
  std::atomic<bool> failed{false};
  std::atomic<const task_actor_base*> first{nullptr};  // only compared
};

class tasks_wait::watch final : public caf::attachable, public recycled {
 public:
  watch(std::shared_ptr<tally> to, const task_actor_base& task) noexcept
      : tally_(std::move(to)), task_(task) {}
  void actor_exited(const caf::error&, caf::execution_unit*) override {
    tally_->note(task_);
    if (tally_->satisfied()) tally_->host.signal();
  }
  bool matches(const token& what) override {
    return what.subtype == token::anonymous && what.ptr == tally_.get();
  }

 private:
  std::shared_ptr<tally> tally_;
  const task_actor_base& task_;  // owns this
};

tasks_wait::tasks_wait(const task_list& tasks, when until, time_point deadline,
                       const std::source_location& where) noexcept
    : timer_wait(deadline, wait_kind::join, where), tasks_(tasks), until_(until) {}

tasks_wait::~tasks_wait() {
  if (!tally_) return;
  const caf::attachable::token mine(caf::attachable::token::anonymous, tally_.get());
  for (const auto& task : tasks_)
    if (!task->done()) task->detach(mine);
}

bool tasks_wait::satisfied() const noexcept { return tally_->satisfied(); }

const task_actor_base* tasks_wait::first() const noexcept {
  return tally_->first.load(std::memory_order_acquire);
}

bool tasks_wait::await_ready() {
  auto& host = stack_here("wait").host();
  for (const auto& task : tasks_) check_same_runtime(*task, host, "wait");
  tally_ = std::make_shared<tally>(host, until_);
  tally_->total = tasks_.size();
  std::vector<task_actor_base*> running;  // one look at each, which decides for both loops
  for (const auto& task : tasks_) {
    if (task->done())
      tally_->note(*task);
    else
      running.push_back(task.get());
  }
  if (satisfied()) return true;
  // One that has ended since is told of at once.
  for (auto* task : running) task->attach(caf::attachable_ptr(new watch(tally_, *task)));
  begin("wait");
  return false;
}

bool tasks_wait::withdraw() noexcept {
  timer_wait::withdraw();
  return true;
}

void tasks_wait::awaited(std::vector<std::uint64_t>& whom) const {
  for (const auto& task : tasks_)
    if (!task->done()) whom.push_back(task->id());
}

bool tasks_wait::await_resume() {
  timer_wait::withdraw();
  if (auto reason = interruption()) std::rethrow_exception(reason);
  return satisfied();
}

}  // namespace buskin::detail
