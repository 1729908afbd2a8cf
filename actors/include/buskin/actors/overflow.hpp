// What a full queue or mailbox does with one more item or message.
#pragma once

#include <cstdint>

namespace buskin {

/// What a refused putter or sender is told depends on where: queue_full for a queue, mailbox_full
/// for a mailbox.
enum class overflow : std::uint8_t {
  /// Whoever puts waits in line for room. One that cannot wait is refused: `put_nowait`, or a
  /// message whose sender does not wait.
  wait,
  drop_oldest,  ///< what came first goes, and the new one gets in
  drop_newest,  ///< the new one goes; whoever put it is not told
  refuse        ///< the new one is not taken, and whoever put it is told
};

/// "wait", "drop oldest", "drop newest", "refuse".
const char* to_string(overflow policy) noexcept;

}  // namespace buskin
