#include <buskin/actors/ask.hpp>

#include <buskin/runtime/errors.hpp>

#include <cstdio>
#include <exception>
#include <utility>

namespace buskin::detail {

reply_wait::reply_wait(caf::strong_actor_ptr whom, duration limit,
                       const std::source_location& where)
    : timer_wait(wait_record::no_deadline, wait_kind::reply, where),
      whom_(std::move(whom)),
      limit_(limit) {
  if (!whom_) throw invalid_state("ask was given an actor handle that refers to nobody");
  record_.whom = whom_->id();
}

reply_wait::~reply_wait() {
  if (registered_ && !answered_) host_->forget_reply(*this);
}

caf::message_id reply_wait::begin() {
  host_ = &stack_here("ask").host();
  const auto id = host_->self().new_request_id(caf::message_priority::normal);
  host_->await_reply(id.integer_value(), *this);
  registered_ = true;
  if (limit_ != infinite) {
    record_.until = after(now_here("ask"), limit_);
    timer_wait::begin("ask");
  }
  return id;
}

bool reply_wait::withdraw() noexcept {
  if (answered_) return false;
  timer_wait::withdraw();
  return true;
}

void reply_wait::reply(caf::mailbox_element_ptr answer) {
  answered_ = true;
  answer_ = std::move(answer);
  timer_wait::withdraw();
  host_->signal();
}

void reply_wait::check() {
  if (auto reason = interruption()) std::rethrow_exception(reason);
  if (!answered_) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%g s", std::chrono::duration<double>(limit_).count());
    throw timeout_error("actor " + std::to_string(whom_->id()) + " did not answer within " +
                        seconds);
  }
  if (auto failure = failure_in(std::as_const(*answer_).content(), whom_->id()))
    std::rethrow_exception(failure);
}

}  // namespace buskin::detail
