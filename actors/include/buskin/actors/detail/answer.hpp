// What an answer to a request says, as a value of the type that was expected.
#pragma once

#include <caf/error.hpp>
#include <caf/message.hpp>
#include <caf/type_erased_tuple.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <tuple>
#include <utility>

namespace buskin::detail {

/// The exception that `answer` of actor `whom` stands for; null when it is no error.
std::exception_ptr failure_in(const caf::type_erased_tuple& answer, std::uint64_t whom);

/// Throws request_failed: `answer` is of another type than `wanted`.
[[noreturn]] void throw_unexpected(const caf::message& answer, std::uint64_t whom,
                                   const char* wanted);

template <class R>
struct answer_of {
  static bool matches(const caf::message& answer) { return answer.match_elements<R>(); }
  static R take(caf::message& answer) { return std::move(answer.get_mutable_as<R>(0)); }
};
template <class... Rs>
struct answer_of<std::tuple<Rs...>> {
  static bool matches(const caf::message& answer) { return answer.match_elements<Rs...>(); }
  static std::tuple<Rs...> take(caf::message& answer) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple<Rs...>{std::move(answer.get_mutable_as<Rs>(I))...};
    }
    (std::index_sequence_for<Rs...>{});
  }
};
template <>
struct answer_of<void> {
  static bool matches(const caf::message&) { return true; }
  static void take(caf::message&) {}
};
template <>
struct answer_of<caf::message> {
  static bool matches(const caf::message&) { return true; }
  static caf::message take(caf::message& answer) { return std::move(answer); }
};

}  // namespace buskin::detail
