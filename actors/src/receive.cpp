#include <buskin/actors/receive.hpp>

#include <buskin/runtime/detail/message_element.hpp>

namespace buskin::detail {

bool message_wait::await_ready() {
  stack_here("receive");
  receiver_ = dynamic_cast<task_actor_base*>(here.actor);
  if (receiver_ == nullptr)
    throw invalid_state(
        "receive reads the mailbox of a spawned task; a behaviour gets its messages through its "
        "handlers");
  if (receiver_->receive(*this)) return true;
  if (limit_ != infinite) {
    record_.until = after(now_here("receive"), limit_);
    begin("receive");
  }
  return false;
}

bool message_wait::offer(caf::mailbox_element_ptr& element) {
  if (!matches(element->content())) return false;
  element_ = std::move(element);
  timer_wait::withdraw();
  return true;
}

bool message_wait::withdraw() noexcept {
  if (element_ != nullptr) return false;
  timer_wait::withdraw();
  receiver_->stop_receiving(*this);
  return true;
}

message_wait::~message_wait() {
  if (receiver_ != nullptr) receiver_->stop_receiving(*this);
}

void message_wait::check() {
  receiver_->stop_receiving(*this);
  // A message that was taken is delivered even if a cancellation came in the same turn: that
  // surfaces at the next await.
  if (element_ != nullptr) return;
  if (auto reason = interruption()) std::rethrow_exception(reason);
  throw timeout_error("no such message came in time");
}

void message_wait::answer(caf::message content) {
  if (!element_->mid.is_request() || !element_->sender) return;
  element_->sender->enqueue(
      caf::make_mailbox_element(caf::strong_actor_ptr(receiver_->ctrl()),
                                element_->mid.response_id(), {}, std::move(content)),
      receiver_->context());
}

}  // namespace buskin::detail
