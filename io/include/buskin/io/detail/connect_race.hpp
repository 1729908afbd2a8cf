// The addresses of a host, tried overlapped until one answers: RFC 8305's happy eyeballs.
//
// Knows nothing of sockets: what an attempt is, the caller says.
#pragma once

#include <buskin/actors/staggered.hpp>
#include <buskin/io/address.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/task.hpp>

#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace buskin::io::detail {

/// The families in turn, beginning with that of the first; else the order is kept.
std::vector<address> interleave(const std::vector<address>& addresses);

/// Throws what attempts to reach `host` at `addresses` came to: what is no std::system_error as it
/// is; of one attempt its own error; of several one with all of them in its text; a timeout_error
/// when there was none but cancellations. `errors` has one for each address that was tried.
[[noreturn]] void throw_unreachable(const std::string& host, const std::vector<address>& addresses,
                                    const std::vector<std::exception_ptr>& errors);

/// What the first attempt that succeeds yields; all others have ended by then. Throws what
/// `throw_unreachable` throws when none does, std::system_error for no addresses. Cancellation:
/// reaches all attempts.
template <class T>
task<T> connect_race(std::string host, std::vector<address> addresses, duration delay,
                     std::function<task<T>(address)> attempt) {
  addresses = interleave(addresses);
  std::vector<task<T>> attempts;
  for (const auto& each : addresses) attempts.push_back(attempt(each));
  auto found = co_await staggered(delay, std::move(attempts));
  if (!found.value) throw_unreachable(host, addresses, found.errors);
  co_return std::move(*found.value);
}

}  // namespace buskin::io::detail
