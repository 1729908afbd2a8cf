// A first-in first-out queue between tasks, with an optional bound. asyncio's Queue, as an actor.
#pragma once

#include <buskin/actors/detail/basic_queue.hpp>

namespace buskin {

/// Items come out in the order in which they were put. Operations, bounds and messages:
/// detail/basic_queue.hpp.
template <class T>
class queue : public detail::basic_queue<T, detail::fifo_items<T>> {
 public:
  using detail::basic_queue<T, detail::fifo_items<T>>::basic_queue;
  /// The queue whose `actor()` that is, here or in another process. Throws std::invalid_argument
  /// when it is none of this type.
  static queue at(const caf::actor& whom) { return queue(queue::found_at(whom)); }
};

}  // namespace buskin
