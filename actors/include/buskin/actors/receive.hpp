// A task reads its own mailbox.
#pragma once

#include <buskin/actors/time_limit.hpp>
#include <buskin/runtime/detail/recycler.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/detail/timer_queue.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/sleep.hpp>

#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>

#include <atomic>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace buskin {

namespace detail {

/// The end of a wait for a message; most have none, and carry none.
struct message_deadline final : timer, recycled {
  explicit message_deadline(duration allowed) noexcept : timer(&on_fire), length(allowed) {}
  static void on_fire(timer& t) noexcept;
  const duration length;
  stack_host* host = nullptr;
  std::atomic<bool> over{false};
};

/// Waits for a message of a kind that `matches` accepts.
class message_wait : public wait, public message_waiter {
 public:
  bool ready() noexcept override;
  bool withdraw() noexcept override;
  bool offer(caf::mailbox_element_ptr& element) override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }

 protected:
  explicit message_wait(const time_limit& limit);
  ~message_wait();
  virtual bool matches(const caf::type_erased_tuple& content) = 0;
  /// Throws when there is no message to be had.
  void check();
  caf::mailbox_element& element() noexcept { return *element_; }
  /// Answers the message if it was a request.
  void answer(caf::message content);

 private:
  std::unique_ptr<message_deadline> deadline_;
  task_actor_base* receiver_ = nullptr;
  caf::mailbox_element_ptr element_;
};

template <class... Ts>
class [[nodiscard("nothing happens until it is awaited")]] receive_awaiter final
    : public message_wait{public : explicit receive_awaiter(const time_limit& limit) :
                              message_wait(limit){} auto await_resume(){check();
answer(caf::message());
auto& content = element().content();
return [&]<std::size_t... I>(std::index_sequence<I...>) {
  if constexpr (sizeof...(Ts) == 1)
    return std::move(
        content.template get_mutable_as<std::tuple_element_t<0, std::tuple<Ts...>>>(0));
  else
    return std::tuple<Ts...>{std::move(content.template get_mutable_as<Ts>(I))...};
}
(std::index_sequence_for<Ts...>{});
}  // namespace detail

protected:
bool matches(const caf::type_erased_tuple& content) override {
  return content.match_elements<Ts...>();
}
};  // namespace buskin

template <class F>
struct pattern : pattern<decltype(&F::operator())> {};
template <class C, class R, class... Args>
struct pattern<R (C::*)(Args...) const> {
  using result = R;
  static bool matches(const caf::type_erased_tuple& content) {
    if constexpr (sizeof...(Args) == 0)
      return content.size() == 0;
    else
      return content.match_elements<std::decay_t<Args>...>();
  }
  template <class F>
  static R call(F& function, caf::type_erased_tuple& content) {
    return [&]<std::size_t... I>(std::index_sequence<I...>)->R {
      return function(std::move(content.template get_mutable_as<std::decay_t<Args>>(I))...);
    }
    (std::index_sequence_for<Args...>{});
  }
};
template <class C, class R, class... Args>
struct pattern<R (C::*)(Args...)> : pattern<R (C::*)(Args...) const> {};

template <class First, class... Rest>
class [[nodiscard("nothing happens until it is awaited")]] receive_with_awaiter final
    : public message_wait {
 public:
  using result = typename pattern<First>::result;
  static_assert((std::is_same_v<result, typename pattern<Rest>::result> && ...),
                "the handlers of one receive must return the same type");

  receive_with_awaiter(const time_limit& limit, First first, Rest... rest)
      : message_wait(limit), handlers_(std::move(first), std::move(rest)...) {}
  result await_resume() {
    check();
    return call<0>();
  }

 protected:
  bool matches(const caf::type_erased_tuple& content) override {
    return pattern<First>::matches(content) || (pattern<Rest>::matches(content) || ...);
  }

 private:
  template <std::size_t I>
  result call() {
    using handler = std::tuple_element_t<I, std::tuple<First, Rest...>>;
    if constexpr (I != sizeof...(Rest))
      if (!pattern<handler>::matches(element().content())) return call<I + 1>();
    try {
      if constexpr (std::is_void_v<result>) {
        pattern<handler>::call(std::get<I>(handlers_), element().content());
        answer(caf::message());
      } else {
        result value = pattern<handler>::call(std::get<I>(handlers_), element().content());
        if (element().mid.is_request()) answer(caf::make_message(value));
        return value;
      }
    } catch (...) {
      answer(caf::make_message(to_error(std::current_exception())));
      throw;
    }
  }
  std::tuple<First, Rest...> handlers_;
};

}  // namespace detail

/// Awaits the oldest message that consists of exactly `Ts...`, and yields it (several: a
/// std::tuple). Other messages stay for later receives, in order; a request is answered with an
/// empty message. Throws timeout_error after `limit`. In a spawned task. Cancellation: takes no
/// message.
template <class... Ts>
requires(sizeof...(Ts) > 0) detail::receive_awaiter<Ts...> receive(time_limit limit = infinite) {
  return detail::receive_awaiter<Ts...>(limit);
}

/// Awaits the oldest message that one of the handlers takes, calls that handler with it and yields
/// what it returned, which is also the answer if the message was a request; what it throws is the
/// answer as well, and comes out. The first handler that fits is called.
template <class First, class... Rest>
requires(!std::is_convertible_v<First, time_limit>)
    detail::receive_with_awaiter<First, Rest...> receive(First first, Rest... rest) {
  return {time_limit(infinite), std::move(first), std::move(rest)...};
}

/// The same with a time limit.
template <class First, class... Rest>
detail::receive_with_awaiter<First, Rest...> receive_within(time_limit limit, First first,
                                                            Rest... rest) {
  return {limit, std::move(first), std::move(rest)...};
}

}  // namespace buskin
