// Telling and asking a broker in another process, on behalf of the task that runs here.
#pragma once

#include <buskin/actors/detail/answer.hpp>
#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/broker_ref.hpp>
#include <buskin/runtime/detail/message_element.hpp>

#include <caf/message_id.hpp>

#include <cstdint>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace buskin::detail {

/// The actor that runs here; null for none.
caf::strong_actor_ptr speaker_here() noexcept;

/// Sends `broker` something that it does not answer. What goes wrong with it is not seen here.
template <class... Parts>
void tell(const any_broker_ref& broker, Parts&&... parts) {
  broker.actor()->enqueue(
      make_element(speaker_here(), caf::make_message_id(), std::forward<Parts>(parts)...),
      unit_here());
}

/// A request of a task, as a cell: it is resolved when the answer has come. The answer is taken by
/// `take` only; one that hands something over and is not taken gives it back (returnable.hpp).
class far_request final : public cell<unit>, private reply_slot {
 public:
  template <class... Parts>
  static cell_ref<far_request> send(const any_broker_ref& broker, const char* operation,
                                    Parts&&... parts) {
    auto request = cell_ref<far_request>::adopt(new far_request(broker, host_here(operation)));
    broker.actor()->enqueue(
        make_element(request->asker(), request->id_, std::forward<Parts>(parts)...), unit_here());
    return request;
  }

  // All in the asker's turn.

  /// The answer, once. Throws what it says instead.
  template <class R>
  R take() {
    auto answer = take_message();
    if (!answer_of<R>::matches(answer)) throw_unexpected(answer, broker_.id(), typeid(R).name());
    return answer_of<R>::take(answer);
  }
  /// Gives up: an answer that is here, or is under way, is not taken. Nothing after `take`.
  void withdraw() noexcept;
  /// Asks the broker to take the request out of its line. It answers the request, if it was there,
  /// with `cancelled`.
  void call_back() noexcept;

 private:
  far_request(const any_broker_ref& broker, stack_host& host);
  ~far_request() override;
  caf::strong_actor_ptr asker() const;
  caf::message take_message();
  void reply(caf::mailbox_element_ptr answer) override;

  any_broker_ref broker_;
  stack_host& host_;  // the cell keeps it
  caf::message_id id_;
  caf::mailbox_element_ptr answer_;
};

}  // namespace buskin::detail
