// Names to addresses, without keeping the loop waiting.
#pragma once

#include <buskin/io/address.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/task.hpp>

#include <source_location>
#include <string>
#include <vector>

namespace buskin::io {

/// What the addresses are for.
enum class resolve_for { connecting, listening };

struct resolve_options {
  resolve_for purpose = resolve_for::connecting;
  /// An answer that this process got with this option and that is not older, in real time, is as
  /// good as a new one. By default the system is asked each time; it may have a cache of its own.
  duration cache = duration::zero();
};

/// The addresses of a host, in the system's order of preference, each once, 64 at most. Numeric
/// hosts are translated at once; others are looked up by a pool of threads. Who asks for a name
/// that is being looked up shares the answer, or the failure. Throws std::system_error with the
/// host's name in its text; also when it has no address. Cancellation: lets go at once, and the
/// others who wait still get the answer; the system's look-up, which cannot be interrupted, ends
/// in its own time.
task<std::vector<address>> resolve(host_port where, resolve_options options,
                                   std::source_location source = std::source_location::current());
task<std::vector<address>> resolve(host_port where, resolve_for purpose = resolve_for::connecting,
                                   std::source_location source = std::source_location::current());

/// Forgets all answers that `resolve_options::cache` kept. Any thread.
void clear_resolve_cache();

}  // namespace buskin::io
