// Asio code asks an actor: with a callback, a future, or inside one of Asio's own coroutines.
#pragma once

#include <buskin/actors/ask.hpp>
#include <buskin/actors/detail/async_request.hpp>
#include <buskin/actors/time_limit.hpp>

#include <asio/async_result.hpp>

#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

namespace buskin {

namespace detail {

template <class R>
struct answer_signature {
  using type = void(std::exception_ptr, R);
};
template <>
struct answer_signature<void> {
  using type = void(std::exception_ptr);
};

template <class R, class Handle, class Given, std::size_t... I>
auto async_ask_with(const Handle& whom, time_limit limit, Given given, std::index_sequence<I...>) {
  using request = std::tuple<stored_part<std::tuple_element_t<I, Given>>...>;
  using last = std::tuple_element_t<sizeof...(I), Given>;
  using token =
      std::conditional_t<std::is_lvalue_reference_v<last>, last, std::remove_reference_t<last>>;
  auto&& completion = std::get<sizeof...(I)>(given);  // Asio takes it as an lvalue in any case
  return asio::async_initiate<token, typename answer_signature<R>::type>(
      [](auto handler, caf::strong_actor_ptr receiver, time_limit within, request message) {
        start_async_request<R>(std::move(handler), std::move(receiver), within, std::move(message));
      },
      completion, caf::actor_cast<caf::strong_actor_ptr>(whom), time_limit(limit),
      request(std::get<I>(std::move(given))...));
}

}  // namespace detail

/// Sends `message...` as a request to `whom`, an actor of a Buskin runtime of this process (or a
/// handle to one in another), and completes with the answer:
///
///     async_ask<int>(calculator, 1s, add_atom::value, 1, 2, token)
///
/// The last argument is an Asio completion token: a callback, asio::use_future,
/// asio::use_awaitable, asio::deferred. The signature is `void(std::exception_ptr, R)`, for R =
/// void `void( std::exception_ptr)`; R is as with `ask`, and default-constructible, since a failure
/// comes with an empty one. The errors are those of `ask`: timeout_error, request_failed, what a
/// coroutine handler threw; and broken_promise when the runtime ended first. Any thread.
///
/// Resumes on the token's associated executor, which has work until then; without one on the loop
/// of the runtime's first worker. Never inside this call. Cancellation: by the token's cancellation
/// slot; completes with std::system_error (asio::error::operation_aborted). A late answer is
/// dropped.
template <class R, class Handle, class... MessageAndToken>
auto async_ask(const Handle& whom, time_limit limit, MessageAndToken&&... message_and_token) {
  static_assert(sizeof...(MessageAndToken) >= 2,
                "async_ask needs a message and, last, a completion token");
  return detail::async_ask_with<R>(
      whom, limit, std::forward_as_tuple(std::forward<MessageAndToken>(message_and_token)...),
      std::make_index_sequence<sizeof...(MessageAndToken) - 1>());
}

}  // namespace buskin
