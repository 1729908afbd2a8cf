// A last-in first-out queue between tasks. asyncio's LifoQueue, as an actor.
#pragma once

#include <buskin/actors/detail/basic_queue.hpp>

namespace buskin {

/// The item that was put last comes out first. Operations, bounds and messages:
/// detail/basic_queue.hpp.
template <class T>
class lifo_queue : public detail::basic_queue<T, detail::lifo_items<T>> {
 public:
  using detail::basic_queue<T, detail::lifo_items<T>>::basic_queue;
  /// The queue whose `actor()` that is, here or in another process. Throws std::invalid_argument
  /// when it is none of this type.
  static lifo_queue at(const caf::actor& whom) { return lifo_queue(lifo_queue::found_at(whom)); }
};

}  // namespace buskin
