// What a resource_pool may be told.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <string>

namespace buskin {

/// Options of `resource_pool<T>`. Its functions are called by whoever acquires, gives back or
/// closes, in any thread of the runtime, and not one at a time.
template <class T>
struct resource_pool_options {
  std::size_t limit = 10;  ///< how many there may be, in use, idle and being opened; 1 at least
  /// How many are kept when nobody uses them.
  std::size_t idle_limit = std::numeric_limits<std::size_t>::max();
  /// Asked before an idle one is lent: one that is not usable is closed, and the next is looked at.
  /// What it throws, `acquire` fails with; the resource is closed.
  std::function<bool(T&)> usable = {};
  /// Called with each resource that the pool gives up, before it is destroyed. Must not throw.
  std::function<void(T&)> close = {};
  std::string name = "resource pool";  ///< in errors and reports
};

}  // namespace buskin
