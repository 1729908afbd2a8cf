// Names to addresses, without keeping the loop waiting.
#pragma once

#include <buskin/io/address.hpp>
#include <buskin/runtime/task.hpp>

#include <source_location>
#include <string>
#include <vector>

namespace buskin::io {

/// What the addresses are for.
enum class resolve_for { connecting, listening };

/// The addresses of a host, in the system's order of preference, each once. Numeric hosts are
/// translated at once; others are looked up by a small pool of threads. Throws std::system_error
/// with the host's name in its text. Cancellation: lets go at once; the system's lookup, which
/// cannot be interrupted, ends in its own time and is ignored.
task<std::vector<address>> resolve(host_port where, resolve_for purpose = resolve_for::connecting,
                                   std::source_location source = std::source_location::current());

}  // namespace buskin::io
