// A task or actor as it stands.
#pragma once

#include <buskin/runtime/wait_record.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>

namespace buskin {

/// A task or actor as it stands. A snapshot: what it says may be over when it is read.
struct actor_status {
  std::uint64_t id = 0;
  std::string name;
  std::optional<std::source_location> created;  ///< known for tasks
  std::optional<wait_record> waiting;           ///< what a suspended coroutine waits for
  bool busy = false;                            ///< it was running, or about to, while we looked
  /// Messages that it has not dealt with. Of a busy actor, those that are in its mailbox only are
  /// not counted.
  std::size_t queued = 0;
};

/// "task "gps0" (17), started at gateway.cpp:40: waits for bytes to read for 2.000 s, at
/// device.cpp:70; 3 messages queued"
std::string to_string(const actor_status& status, time_point now);

}  // namespace buskin
