// One question to the system's resolver, and where such questions come from.
#pragma once

#include <buskin/io/address.hpp>
#include <buskin/io/resolve.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace buskin::io::detail {

/// What is asked: for a port's number the answer is the same with any other.
struct lookup_key {
  std::string host;
  std::string service;  // empty: the port is a number, and 0 in the answer
  resolve_for purpose{};
  auto operator<=>(const lookup_key&) const = default;
};

struct lookup_answer {
  std::vector<address> addresses;
  int code = 0;         // of getaddrinfo
  int system_code = 0;  // errno, where the code says so
};

/// So many are enough to try, whatever a server says.
inline constexpr std::size_t most_addresses = 64;

/// Asks the system; `numeric` for what needs nobody else. Blocks.
lookup_answer ask_system(const lookup_key& what, bool numeric);

/// Who is asked for names from now on, in place of the system: for tests. Returns who was before.
using lookup_function = std::function<lookup_answer(const lookup_key&)>;
lookup_function exchange_lookup(lookup_function other);

}  // namespace buskin::io::detail
