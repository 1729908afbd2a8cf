#include <buskin/actors/detail/child_set.hpp>

#include <buskin/runtime/errors.hpp>

#include <caf/attachable.hpp>

namespace buskin::detail {

/// One child's entry, owned by the child itself until its end.
class child_set::watch final : public caf::attachable, public links, public recycled {
 public:
  watch(std::shared_ptr<child_set> set, task_actor_base& child)
      : set_(std::move(set)), child_(child) {}
  void actor_exited(const caf::error&, caf::execution_unit*) override {
    // ended() may release the set's last other owner; this keeps it until we are out of it.
    const auto keep = set_;
    keep->ended(*this);
  }
  task_actor_base& child() const noexcept { return child_; }

 private:
  std::shared_ptr<child_set> set_;
  task_actor_base& child_;  // owns this
};

void child_set::add(const lean_ref<task_actor_base>& child) {
  auto entry = std::make_unique<watch>(shared_from_this(), *child);
  {
    std::lock_guard guard(mutex_);
    links& node = *entry;
    node.before = children_.before;
    node.after = &children_;
    children_.before->after = &node;
    children_.before = &node;
    ++size_;
    if (aborting_)
      child->cancel(std::make_exception_ptr(cancelled("its group is being cancelled")));
  }
  child->attach(std::move(entry));
}

void child_set::ended(watch& entry) {
  const auto& error = entry.child().failure();
  std::lock_guard guard(mutex_);
  links& node = entry;
  node.before->after = node.after;
  node.after->before = node.before;
  --size_;
  if (error) entry.child().mark_fetched();
  if (entry.child().state() == task_state::failed) {
    errors_.push_back(error);
    if (policy_ == on_failure::cancel_all && !aborting_) {
      alarm_ = true;
      cancel_locked("a sibling failed");
    }
  }
  if (size_ == 0 || alarm_) owner_.signal();
}

void child_set::cancel_all(const char* reason) {
  std::lock_guard guard(mutex_);
  cancel_locked(reason);
}

void child_set::abort(const char* reason) {
  std::lock_guard guard(mutex_);
  if (aborting_) return;
  alarm_ = true;
  cancel_locked(reason);
  owner_.signal();
}

void child_set::cancel_locked(const char* reason) {
  if (aborting_) return;
  aborting_ = true;
  const auto error = std::make_exception_ptr(cancelled(reason));
  for (links* at = children_.after; at != &children_; at = at->after)
    static_cast<watch*>(at)->child().cancel(error);
}

bool child_set::empty() const { return size() == 0; }

std::size_t child_set::size() const {
  std::lock_guard guard(mutex_);
  return size_;
}

bool child_set::aborting() const {
  std::lock_guard guard(mutex_);
  return aborting_;
}

bool child_set::take_alarm() {
  std::lock_guard guard(mutex_);
  return std::exchange(alarm_, false);
}

std::vector<std::exception_ptr> child_set::take_errors() {
  std::lock_guard guard(mutex_);
  return std::exchange(errors_, {});
}

bool child_set::any_error() const {
  std::lock_guard guard(mutex_);
  return !errors_.empty();
}

}  // namespace buskin::detail
