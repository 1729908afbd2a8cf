// What `co_await` makes of something: its awaiter and its result.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

namespace buskin::detail {

template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) {
  if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); })
    return std::forward<Awaitable>(awaitable).operator co_await();
  else
    return std::forward<Awaitable>(awaitable);
}

template <class Awaitable>
using await_result = decltype(awaiter_of(std::declval<Awaitable>()).await_resume());

/// A result as something that can be stored.
template <class T>
using gathered = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

}  // namespace buskin::detail
