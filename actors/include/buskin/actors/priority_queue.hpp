// A queue between tasks whose smallest item comes out first. asyncio's PriorityQueue, as an actor.
#pragma once

#include <buskin/actors/detail/basic_queue.hpp>

#include <functional>

namespace buskin {

/// The item that `Compare` puts before all others comes out first: with `std::less` the smallest,
/// as in asyncio; with `std::greater` the largest, as in std::priority_queue. Of equal ones the one
/// that was put first. A comparison that throws leaves the queue unusable. `overflow::drop_oldest`
/// drops the one that was put first, whatever its priority, in time proportional to the capacity.
/// Operations, bounds and messages: detail/basic_queue.hpp.
template <class T, class Compare = std::less<T>>
class priority_queue : public detail::basic_queue<T, detail::priority_items<T, Compare>> {
 public:
  using detail::basic_queue<T, detail::priority_items<T, Compare>>::basic_queue;
  /// The queue whose `actor()` that is, here or in another process. Throws std::invalid_argument
  /// when it is none of this type.
  static priority_queue at(const caf::actor& whom) {
    return priority_queue(priority_queue::found_at(whom));
  }
};

}  // namespace buskin
