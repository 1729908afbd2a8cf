// Message handlers that are coroutines, in CAF behaviors.
#pragma once

#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/detail/coroutine_handlers.hpp>
#include <buskin/actors/task_group.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/result.hpp>

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace buskin {

/// What happens to a message that comes while a coroutine handler is suspended.
enum class handling {
  interleaving,  ///< it is handled at once; the state may have changed when the suspended handler
                 ///< goes on
  exclusive      ///< it waits until that handler has ended, in order of arrival
};

namespace detail {

template <class T>
struct is_task : std::false_type {};
template <class T>
struct is_task<task<T>> : std::true_type {};

/// One handler, as CAF is to see it.
template <class Self, class F, class R, class... Args>
auto wrap_handler(Self* self, handler_home home, handling how, F function,
                  R (F::*)(Args...) const) {
  static_assert(!is_task<R>::value || (!std::is_reference_v<Args> && ...),
                "a handler that is a coroutine takes its parameters by value: the message is gone "
                "when it goes on");
  return [self, home, how, function = std::make_shared<F>(std::move(function))](
             std::decay_t<Args>... args) -> caf::result<caf::message> {
    auto promise = self->make_response_promise();
    const bool exclusive = how == handling::exclusive;
    auto call = [home, exclusive, function, promise](std::decay_t<Args>&... values) mutable {
      if constexpr (is_task<R>::value) {
        using value_type = typename task_result<R>::type;
        try {
          auto body = (*function)(std::move(values)...);
          auto run = std::make_unique<handler_run_of<value_type>>(*home.host, std::move(promise),
                                                                  std::move(body));
          home.stacks->set_exclusive(exclusive);
          home.stacks->start(std::move(run));
        } catch (...) {  // there was no memory for it
          promise.deliver(to_error(std::current_exception()));
        }
      } else {
        static_cast<void>(exclusive);
        try {
          if constexpr (std::is_void_v<R>) {
            (*function)(std::move(values)...);
            promise.deliver(caf::unit);
          } else {
            promise.deliver((*function)(std::move(values)...));
          }
        } catch (...) {
          promise.deliver(to_error(std::current_exception()));
        }
      }
    };
    if (exclusive && home.stacks->exclusive())
      home.stacks->when_free(
          [call, values = std::tuple<std::decay_t<Args>...>(std::move(args)...)]() mutable {
            std::apply(call, values);
          },
          promise);
    else
      call(args...);
    return caf::delegated<caf::message>{};
  };
}

template <class Self, class F>
auto wrap_handler(Self* self, const handler_home& home, handling how, F function) {
  return wrap_handler(self, home, how, std::move(function), &F::operator());
}

}  // namespace detail

/// A CAF behavior of handlers that may return task<R>: the coroutine runs inside `self` (a
/// behavior_actor or one of CAF's event-based actors), may await anything, and its result answers
/// the message. An exception it throws is the answer, whole inside the process; if the actor ends
/// first the answer is broken_promise.
///
/// The handler object is kept as long as the behavior, so a coroutine handler may capture.
/// Parameters are taken by value.
template <class Self, class... Fs>
caf::behavior handlers(Self* self, handling how, Fs... functions) {
  const auto home = detail::home_of(*self);
  return caf::behavior(detail::wrap_handler(self, home, how, std::move(functions))...);
}

template <class Self, class First, class... Rest>
requires(!std::is_same_v<First, handling>) caf::behavior
    handlers(Self* self, First first, Rest... rest) {
  return handlers(self, handling::interleaving, std::move(first), std::move(rest)...);
}

}  // namespace buskin
