#include <buskin/actors/receive.hpp>

#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/detail/worker.hpp>

namespace buskin::detail {

void message_deadline::on_fire(timer& t) noexcept {
  auto& self = static_cast<message_deadline&>(t);
  stack_host* host = self.host;
  self.over.store(true, std::memory_order_release);
  // Under the timers' lock: the host cannot end before its wait has been disarmed, which takes that
  // lock.
  host->signal();
}

message_wait::message_wait(const time_limit& limit) : wait(wait_kind::message, limit.where) {
  if (limit.length != infinite) deadline_ = std::make_unique<message_deadline>(limit.length);
}

bool message_wait::ready() noexcept {
  return element_ != nullptr || (deadline_ && deadline_->over.load(std::memory_order_acquire));
}

bool message_wait::await_ready() {
  stack_here("receive");
  receiver_ = here.actor != nullptr ? here.actor->as_task() : nullptr;
  if (receiver_ == nullptr)
    throw invalid_state(
        "receive reads the mailbox of a spawned task; a behaviour gets its messages through its "
        "handlers");
  if (receiver_->receive(*this)) return true;
  if (deadline_) {
    record_.until = after(now_here("receive"), deadline_->length);
    deadline_->host = receiver_;
    here.worker->timers().arm(*deadline_, record_.until);
  }
  return false;
}

bool message_wait::offer(caf::mailbox_element_ptr& element) {
  if (!matches(element->content())) return false;
  element_ = std::move(element);
  if (deadline_) deadline_->disarm();
  return true;
}

bool message_wait::withdraw() noexcept {
  if (element_ != nullptr) return false;
  receiver_->stop_receiving(*this);
  if (deadline_) deadline_->disarm();
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
