// How a queue ends.
#pragma once

namespace buskin {

/// What `queue::shutdown` does with the items that are in the queue.
enum class queue_end {
  graceful,  ///< they can still be taken
  immediate  ///< they are dropped and count as done
};

}  // namespace buskin
