// The bound of a queue, and what happens there.
#pragma once

#include <buskin/actors/overflow.hpp>

#include <cstddef>
#include <functional>

namespace buskin {

struct queue_options {
  /// Items it has room for; 0: no bound.
  std::size_t capacity = 0;
  /// No room at all: a put waits until a getter has taken its item. With no capacity and no marks;
  /// `when_full` says what becomes of an item for which no getter waits, and nothing can be oldest.
  bool rendezvous = false;
  overflow when_full = overflow::wait;
  /// Reaching that many items is an event: counted, and told to `on_high_water`. 0: none.
  std::size_t high_water = 0;
  /// The next crossing counts when the items had come down to this many; less than `high_water`.
  std::size_t low_water = 0;
  /// Called with the number of items, once a crossing, in a turn of the queue's actor: soon, not
  /// inside the put. What it throws is reported (BK003).
  std::function<void(std::size_t items)> on_high_water = nullptr;
};

}  // namespace buskin
