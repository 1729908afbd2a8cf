#include <buskin/actors/detail/far_request.hpp>

#include <buskin/actors/atoms.hpp>

#include <caf/actor_cast.hpp>

#include <new>

namespace buskin::detail {

caf::strong_actor_ptr speaker_here() noexcept {
  // A handler's coroutine is perhaps of one of CAF's own actors.
  if (here.stack != nullptr) return caf::strong_actor_ptr(here.stack->host().self().ctrl());
  return caf::strong_actor_ptr(here.actor != nullptr ? here.actor->ctrl() : nullptr);
}

far_request::far_request(const any_broker_ref& broker, stack_host& host)
    : cell<unit>(&host),
      broker_(broker),
      host_(host),
      id_(host.self().new_request_id(caf::message_priority::normal)) {
  host_.await_reply(id_.integer_value(), *this);
}

far_request::~far_request() {
  if (abandon()) host_.forget_reply(*this);
}

caf::strong_actor_ptr far_request::asker() const {
  return caf::strong_actor_ptr(host_.self().ctrl());
}

void far_request::reply(caf::mailbox_element_ptr answer) {
  answer_ = std::move(answer);
  resolve(unit{});
}

caf::message far_request::take_message() {
  const auto answer = std::move(answer_);
  if (auto failure = failure_in(std::as_const(*answer).content(), broker_.id()))
    std::rethrow_exception(failure);
  return answer->move_content_to_message();
}

void far_request::withdraw() noexcept {
  if (abandon()) {
    host_.forget_reply(*this);
    call_back();
  }
  answer_ = nullptr;
}

void far_request::call_back() noexcept {
  try {
    broker_.actor()->enqueue(
        make_element(asker(), caf::make_message_id(), withdraw_request::value,
                     static_cast<std::uint64_t>(id_.request_id().integer_value())),
        unit_here());
  } catch (const std::bad_alloc&) {
    // Without memory to say so it stays in line, and its answer comes back from here.
  }
}

}  // namespace buskin::detail
