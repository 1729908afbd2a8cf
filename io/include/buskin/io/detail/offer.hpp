// Something that a node runs when another one asks for it.
#pragma once

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/message.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace buskin::io::detail {

/// What is run, by its arguments.
using offer = std::function<task<void>(caf::message arguments)>;

[[noreturn]] void refuse_arguments(const caf::message& given);

template <class... Args>
offer make_offer(std::function<task<void>(Args...)> body) {
  return [body = std::move(body)](caf::message given) -> task<void> {
    if constexpr (sizeof...(Args) == 0) {
      if (!given.empty()) refuse_arguments(given);
      return body();
    } else {
      if (!given.match_elements<std::decay_t<Args>...>()) refuse_arguments(given);
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return body(std::move(given.get_mutable_as<std::decay_t<Args>>(I))...);
      }
      (std::index_sequence_for<Args...>{});
    }
  };
}

}  // namespace buskin::io::detail
