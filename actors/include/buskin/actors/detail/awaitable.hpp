// What `co_await` makes of something: its awaiter and its result.
#pragma once

#include <buskin/runtime/detail/await_result.hpp>

#include <type_traits>
#include <variant>

namespace buskin::detail {

/// A result as something that can be stored.
template <class T>
using gathered = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

}  // namespace buskin::detail
