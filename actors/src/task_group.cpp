// The rules of asyncio.TaskGroup (CPython 3.13, Lib/asyncio/taskgroups.py), told over our stacks.
#include <buskin/actors/task_group.hpp>

namespace buskin::detail {

namespace {

bool is_cancellation(const std::exception_ptr& error) {
  if (!error) return false;
  try {
    std::rethrow_exception(error);
  } catch (const cancelled&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

void group_core::abandon() noexcept {
  if (phase_ != phase::open) return;
  phase_ = phase::closed;
  // The owner's frame is destroyed in the middle: the children must not outlive what they may refer
  // to, but cannot be awaited.
  stack_->leave(*this);
  children_->cancel_all("the owner of their group was killed");
}

void group_core::open() {
  if (phase_ != phase::fresh) throw invalid_state("a task_group can be run once");
  if (here.stack == nullptr) throw invalid_state("a task_group can be run inside a task only");
  stack_ = here.stack;
  children_ = std::make_shared<child_set>(stack_->host(), child_set::on_failure::cancel_all);
  stack_->enter(*this);
  phase_ = phase::open;
}

std::shared_ptr<child_set> group_core::children_to_spawn_into() {
  switch (phase_) {
    case phase::fresh:
      throw invalid_state("spawn into a task_group inside its run only: it is not open yet");
    case phase::closed:
      throw invalid_state("the task_group has ended; no task can be spawned into it");
    case phase::open:
      break;
  }
  if (children_->aborting())
    throw invalid_state("the task_group is being cancelled; no task can be spawned into it");
  return children_;
}

std::exception_ptr group_core::take_request() noexcept {
  if (!children_->take_alarm() || phase_ != phase::open) return nullptr;
  owner_cancelled_ = true;
  return std::make_exception_ptr(cancelled("a task of its group failed"));
}

void group_core::cancel() {
  if (phase_ != phase::open) throw invalid_state("the task_group is not open");
  // Any task may call this: the owner is reached through the alarm, in its own turn.
  children_->abort("the group was cancelled");
}

void group_core::body_ended(std::exception_ptr error) {
  if (is_cancellation(error))
    cancellation_ = error;
  else
    body_error_ = error;
  if (owner_cancelled_ && stack_->uncancel() == 0) cancellation_ = nullptr;
  owner_cancelled_ = false;
  if (error) children_->cancel_all("the body of their group ended early");
}

void group_core::wait_cancelled(std::exception_ptr reason) {
  // A child failed while we waited: the cancellation is our own.
  if (owner_cancelled_) {
    owner_cancelled_ = false;
    if (stack_->uncancel() == 0) return;
  }
  if (!children_->aborting()) {
    cancellation_ = std::move(reason);
    children_->cancel_all("the owner of their group was cancelled");
  } else if (!cancellation_) {
    cancellation_ = std::move(reason);
  }
}

void group_core::close() {
  phase_ = phase::closed;
  stack_->leave(*this);
  if (owner_cancelled_) {
    owner_cancelled_ = false;
    stack_->uncancel();
  }
  auto errors = children_->take_errors();
  children_.reset();
  const auto cancellation = std::exchange(cancellation_, nullptr);
  if (body_error_) errors.push_back(std::exchange(body_error_, nullptr));
  if (!errors.empty()) {
    // A cancellation from outside that the failures outrank is not forgotten: it surfaces at the
    // next suspension.
    if (cancellation && stack_->cancelling() != 0) {
      stack_->uncancel();
      stack_->cancel(cancellation);
    }
    throw exception_group("tasks of a group failed", std::move(errors));
  }
  if (cancellation) std::rethrow_exception(cancellation);
}

}  // namespace buskin::detail
