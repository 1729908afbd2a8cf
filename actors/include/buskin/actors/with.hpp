// A resource whose release has to be awaited. Python's `async with`.
#pragma once

#include <buskin/actors/detail/awaitable.hpp>
#include <buskin/runtime/task.hpp>

#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace buskin {

namespace detail {

/// Throws what is left when the exit failed as well: the exit's failure where the body merely was
/// cancelled, else both in an exception_group.
[[noreturn]] void rethrow_with_exit(const std::exception_ptr& body, const std::exception_ptr& exit);

template <class Resource, class Exit>
decltype(auto) call_exit(Exit& exit, Resource& resource, const std::exception_ptr& error) {
  if constexpr (std::is_invocable_v<Exit&, Resource&, const std::exception_ptr&>)
    return exit(resource, error);
  else
    return exit(resource);
}

}  // namespace detail

/// Awaits `body(resource)`, then, however that ended, `exit(resource, error)` or `exit(resource)`;
/// yields what the body yields, or throws what it threw (`error`; null for nothing). C++ can await
/// neither in a destructor nor in a catch block; this is the place for what they would have to
/// await.
///
/// When the exit fails too, an exception_group with both comes out, or its failure alone where the
/// body was cancelled. Cancellation: of the body ends the body, and the exit runs; one that comes
/// later reaches the exit.
template <class Resource, class Body, class Exit>
auto with(Resource resource, Body body, Exit exit)
    -> task<detail::await_result<std::invoke_result_t<Body&, Resource&>>> {
  using yielded = detail::await_result<std::invoke_result_t<Body&, Resource&>>;
  std::optional<detail::gathered<yielded>> value;
  std::exception_ptr error;
  try {
    if constexpr (std::is_void_v<yielded>)
      co_await body(resource);
    else
      value.emplace(co_await body(resource));
  } catch (...) {
    error = std::current_exception();
  }
  std::exception_ptr late;
  try {
    co_await detail::call_exit(exit, resource, error);
  } catch (...) {
    late = std::current_exception();
  }
  if (late) detail::rethrow_with_exit(error, late);
  if (error) std::rethrow_exception(error);
  if constexpr (!std::is_void_v<yielded>) co_return std::move(*value);
}

}  // namespace buskin
