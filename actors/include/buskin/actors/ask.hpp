// Request and response with any CAF actor, awaited.
#pragma once

#include <buskin/actors/detail/answer.hpp>
#include <buskin/actors/time_limit.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/lean_actor.hpp>
#include <buskin/runtime/sleep.hpp>

#include <caf/actor_cast.hpp>
#include <caf/message.hpp>

#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace buskin {

namespace detail {

/// Waits for the answer to one request.
class reply_wait : public timer_wait, public reply_slot {
 public:
  bool ready() noexcept override { return answered_ || timer_wait::ready(); }
  bool withdraw() noexcept override;
  void reply(caf::mailbox_element_ptr answer) override;

 protected:
  reply_wait(caf::strong_actor_ptr whom, duration limit, const std::source_location& where);
  ~reply_wait();

  /// Registers for an answer and returns the request's id. In the task's turn.
  caf::message_id begin();
  caf::local_actor& asker() const noexcept { return host_->self(); }
  const caf::strong_actor_ptr& whom() const noexcept { return whom_; }
  /// Throws what is to be thrown instead of an answer.
  void check();

  caf::mailbox_element_ptr answer_;

 private:
  caf::strong_actor_ptr whom_;
  duration limit_;
  stack_host* host_ = nullptr;
  bool answered_ = false;
  bool registered_ = false;
};

template <class R, class... Args>
class [[nodiscard("nothing happens until it is awaited")]] ask_awaiter final : public reply_wait {
 public:
  ask_awaiter(caf::strong_actor_ptr whom, duration limit, const std::source_location& where,
              std::tuple<Args...> request)
      : reply_wait(std::move(whom), limit, where), request_(std::move(request)) {}

  bool await_ready() {
    const auto id = this->begin();
    auto& self = this->asker();
    std::apply(
        [&](auto&... parts) {
          this->whom()->get()->enqueue(
              make_element(caf::strong_actor_ptr(self.ctrl()), id, std::move(parts)...),
              self.context());
        },
        request_);
    return false;
  }
  bool await_suspend(std::coroutine_handle<> handle) { return this->suspend(handle); }
  R await_resume() {
    this->check();
    if constexpr (!std::is_void_v<R> && !std::is_same_v<R, caf::message>) {
      // The usual answer of one of our own actors: ours alone, so its value can be moved out where
      // it is.
      auto& element = *this->answer_;
      if (typeid(element) == typeid(message_element<R>))
        return std::move(std::get<0>(static_cast<message_element<R>&>(element).data()));
    }
    auto answer = this->answer_->move_content_to_message();
    if (!answer_of<R>::matches(answer))
      throw_unexpected(answer, this->whom()->id(), typeid(R).name());
    return answer_of<R>::take(answer);
  }

 private:
  std::tuple<Args...> request_;
};

}  // namespace detail

/// Sends `message...` as a request to `whom` and awaits the answer, for `limit` at most (`infinite`
/// for no limit).
///
/// `R` is the answer's type: one type, a std::tuple, void for "anything", or caf::message. Throws
/// timeout_error; request_failed when the receiver is dead, does not know the message, or answers
/// with an error or another type; and the original exception when a coroutine handler of this
/// process threw. Cancellation: forgets the request; a late answer is dropped, never given to
/// another request.
template <class R, class Handle, class... Args>
auto ask(const Handle& whom, time_limit limit, Args&&... message) {
  using awaiter = detail::ask_awaiter<R, detail::stored_part<Args>...>;
  return awaiter(caf::actor_cast<caf::strong_actor_ptr>(whom), limit.length, limit.where,
                 std::tuple<detail::stored_part<Args>...>(std::forward<Args>(message)...));
}

}  // namespace buskin
