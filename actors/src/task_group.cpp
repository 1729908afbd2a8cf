// The rules of asyncio.TaskGroup (CPython 3.13, Lib/asyncio/taskgroups.py), told over our stacks.
// One differs: a cancellation of the owner also reaches children that clean up after an earlier
// one.
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
  if (stack_ == nullptr) return;
  // The owner's frame is destroyed in the middle: the children must not outlive what they may refer
  // to, but cannot be awaited.
  std::exchange(stack_, nullptr)->leave(*this);
  children_->abandon("the owner of their group was killed");
}

void group_core::open() {
  if (here.stack == nullptr) throw invalid_state("a task_group can be run inside a task only");
  children_->open(here.stack->host());
  stack_ = here.stack;
  stack_->enter(*this);
  passed_on_ = stack_->cancelling();
}

std::exception_ptr group_core::take_request() noexcept {
  if (!children_->take_alarm()) return nullptr;
  owner_cancelled_ = true;
  return std::make_exception_ptr(cancelled("a task of its group failed"));
}

void group_core::body_ended(std::exception_ptr error) {
  if (is_cancellation(error))
    cancellation_ = error;
  else
    body_error_ = error;
  if (owner_cancelled_ && stack_->uncancel() == 0) cancellation_ = nullptr;
  owner_cancelled_ = false;
  passed_on_ = stack_->cancelling();
  if (error) children_->cancel_all("the body of their group ended early");
}

void group_core::wait_cancelled(std::exception_ptr reason) {
  // A child failed while we waited: the cancellation is our own.
  if (owner_cancelled_) {
    owner_cancelled_ = false;
    if (stack_->uncancel() == 0) return;
  }
  if (!cancellation_) cancellation_ = std::move(reason);
  if (stack_->cancelling() == passed_on_) return;
  passed_on_ = stack_->cancelling();
  children_->cancel_again("the owner of their group was cancelled");
}

void group_core::close() {
  auto* stack = std::exchange(stack_, nullptr);
  stack->leave(*this);
  if (owner_cancelled_) {
    owner_cancelled_ = false;
    stack->uncancel();
  }
  auto errors = children_->take_errors();
  const auto cancellation = std::exchange(cancellation_, nullptr);
  if (body_error_) errors.push_back(std::exchange(body_error_, nullptr));
  if (!errors.empty()) {
    // A cancellation from outside that the failures outrank is not forgotten: it surfaces at the
    // next suspension.
    if (cancellation && stack->cancelling() != 0) {
      stack->uncancel();
      stack->cancel(cancellation);
    }
    throw exception_group("tasks of a group failed", std::move(errors));
  }
  if (cancellation) std::rethrow_exception(cancellation);
}

}  // namespace buskin::detail
