#include <buskin/actors/detail/child_set.hpp>

#include <buskin/runtime/errors.hpp>

#include <caf/attachable.hpp>

#include <string>

namespace buskin::detail {

/// One child's entry, owned by the child itself until its end.
class child_set::watch final : public caf::attachable, public links, public recycled {
 public:
  watch(std::shared_ptr<child_set> set, task_actor_base& child)
      : set_(std::move(set)), child_(child) {}
  void actor_exited(const caf::error&, caf::execution_unit*) override {
    // note_end() may release the set's last other owner; this keeps it until we are out of it.
    const auto keep = set_;
    keep->note_end(*this);
  }
  task_actor_base& child() const noexcept { return child_; }

 private:
  std::shared_ptr<child_set> set_;
  task_actor_base& child_;  // owns this
};

child_set::~child_set() {
  if (owner_ != nullptr) owner_->drop();
}

void child_set::open(stack_host& owner) {
  std::lock_guard guard(mutex_);
  if (gate_ != gate::fresh) throw invalid_state("a task_group can be run once");
  gate_ = gate::open;
  owner_ = &owner;
  owner_->hold();
}

bool child_set::close_if_empty() {
  std::lock_guard guard(mutex_);
  if (size_ != 0) return false;
  gate_ = gate::closed;
  if (auto* owner = std::exchange(owner_, nullptr)) owner->drop();
  return true;
}

void child_set::abandon(const char* reason) noexcept {
  std::lock_guard guard(mutex_);
  gate_ = gate::closed;
  if (!aborting_) cancel_locked(reason);
}

bool child_set::admit(const char* what, latecomer late) {
  std::lock_guard guard(mutex_);
  switch (gate_) {
    case gate::fresh:
      throw invalid_state("spawn into " + std::string(what) +
                          " inside its run only: it is not open yet");
    case gate::closed:
      throw invalid_state(std::string(what) + " has ended; no task can be spawned into it");
    case gate::open:
      break;
  }
  if (aborting_ && late == latecomer::refused)
    throw invalid_state(std::string(what) + " is being cancelled; no task can be spawned into it");
  ++size_;
  return aborting_;
}

void child_set::dismiss() {
  std::lock_guard guard(mutex_);
  if (--size_ == 0 && owner_ != nullptr) owner_->signal();
}

void child_set::add(task_actor_base& child) {
  auto entry = std::make_unique<watch>(shared_from_this(), child);
  {
    std::lock_guard guard(mutex_);
    links& node = *entry;
    node.before = children_.before;
    node.after = &children_;
    children_.before->after = &node;
    children_.before = &node;
    if (aborting_) child.cancel(std::make_exception_ptr(cancelled("its group is being cancelled")));
  }
  child.attach(std::move(entry));
}

void child_set::note_end(watch& entry) {
  std::lock_guard guard(mutex_);
  links& node = entry;
  node.before->after = node.after;
  node.after->before = node.before;
  --size_;
  ++ended_;
  decide(entry.child());
  // Whoever races looks at each end: one may be what it waits for.
  const bool each = policy_ == on_end::cancel_when_succeeded;
  if ((size_ == 0 || alarm_ || each) && owner_ != nullptr) owner_->signal();
}

/// What an end means for the others.
void child_set::decide(task_actor_base& child) {
  const auto state = child.state();
  // A cancellation that was asked for is news to nobody, and a failure is the owner's from here on,
  // who may be cancelled before it looks; only where the first end decides may one be left over.
  if (state == task_state::cancelled || policy_ != on_end::cancel_when_first) child.mark_fetched();
  switch (policy_) {
    case on_end::cancel_when_failed:
      if (state != task_state::failed) return;
      errors_.push_back(child.failure());
      if (aborting_) return;
      alarm_ = true;
      return cancel_locked("a sibling failed");
    case on_end::cancel_when_succeeded:
      if (state != task_state::finished) return;
      [[fallthrough]];
    case on_end::cancel_when_first:
      if (aborting_) return;
      winner_ = &child;
      return cancel_locked("another one has won the race");
    case on_end::nothing:
      return;
  }
}

void child_set::cancel_all(const char* reason) {
  std::lock_guard guard(mutex_);
  if (!aborting_) cancel_locked(reason);
}

void child_set::cancel_again(const char* reason) {
  std::lock_guard guard(mutex_);
  cancel_locked(reason);
}

void child_set::abort(const char* what, const char* reason) {
  std::lock_guard guard(mutex_);
  if (gate_ != gate::open) throw invalid_state(std::string(what) + " is not open");
  if (aborting_) return;
  alarm_ = true;
  cancel_locked(reason);
  owner_->signal();
}

namespace {

/// Where there is no memory for it, that is the reason.
std::exception_ptr cancellation(const char* reason) noexcept {
  try {
    return std::make_exception_ptr(cancelled(reason));
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

void child_set::cancel_locked(const char* reason) {
  aborting_ = true;
  const auto error = cancellation(reason);
  for (links* at = children_.after; at != &children_; at = at->after)
    static_cast<watch*>(at)->child().cancel(error);
}

bool child_set::empty() const { return size() == 0; }

std::size_t child_set::size() const {
  std::lock_guard guard(mutex_);
  return size_;
}

std::size_t child_set::ended() const {
  std::lock_guard guard(mutex_);
  return ended_;
}

bool child_set::take_alarm() {
  std::lock_guard guard(mutex_);
  return std::exchange(alarm_, false);
}

std::vector<std::exception_ptr> child_set::take_errors() {
  std::lock_guard guard(mutex_);
  return std::exchange(errors_, {});
}

const task_actor_base* child_set::winner() const {
  std::lock_guard guard(mutex_);
  return winner_;
}

void child_set::ids(std::vector<std::uint64_t>& into) const {
  std::lock_guard guard(mutex_);
  for (const links* at = children_.after; at != &children_; at = at->after)
    into.push_back(static_cast<const watch*>(at)->child().id());
}

}  // namespace buskin::detail
