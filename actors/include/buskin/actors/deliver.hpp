// A message to an actor, and the wait until there is room for it.
#pragma once

#include <buskin/actors/detail/cell.hpp>
#include <buskin/actors/time_limit.hpp>
#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/sleep.hpp>

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>

#include <utility>

namespace buskin {

namespace detail {

/// Sends a message, and waits until it is in the mailbox.
class [[nodiscard("nothing happens until it is awaited")]] deliver_awaiter final
    : public timer_wait {
 public:
  deliver_awaiter(caf::strong_actor_ptr whom, const time_limit& limit,
                  caf::mailbox_element_ptr message);
  ~deliver_awaiter();
  bool ready() noexcept override { return place_->resolved() || timer_wait::ready(); }
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume();

 private:
  bool leave() noexcept;

  caf::strong_actor_ptr whom_;
  caf::mailbox_element_ptr message_;
  cell_ref<cell<unit>> place_;
  duration limit_;
  bool withdrawn_ = false;
};

caf::strong_actor_ptr sender_here();

}  // namespace detail

/// Sends `message...` to `whom`, and waits, for `limit` at most, until a bounded mailbox whose
/// policy is `wait` has room for it; senders are served in the order in which they began to wait.
/// To any other actor it does not wait.
///
/// Throws mailbox_full when the policy is `refuse` and the mailbox is full, timeout_error,
/// request_failed when `whom` has ended or ends meanwhile. Cancellation: the message is not sent,
/// unless it is in the mailbox already.
template <class Handle, class... Args>
detail::deliver_awaiter deliver(const Handle& whom, time_limit limit, Args&&... message) {
  return {caf::actor_cast<caf::strong_actor_ptr>(whom), limit,
          detail::make_element(detail::sender_here(), caf::make_message_id(),
                               std::forward<Args>(message)...)};
}

}  // namespace buskin
