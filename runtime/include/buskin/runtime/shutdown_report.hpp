// What a shutdown found, and how long each of its phases took.
#pragma once

#include <buskin/runtime/actor_status.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/thread_pool.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace buskin {

/// What shutdown found.
struct shutdown_report {
  /// One step of the written order.
  struct phase {
    std::string name;  ///< "acceptors", "supervisors", "tasks", "left over", "killed", "executors"
    std::size_t asked = 0;  ///< how many actors were asked to end
    std::size_t left = 0;   ///< how many of its kind were alive when it ended
    duration limit{};       ///< how long it might have taken
    duration took{};        ///< how long it took, in real time
    bool late() const noexcept { return left != 0; }
  };

  std::vector<phase> phases;             ///< in the order in which they ran
  std::vector<actor_status> stragglers;  ///< alive at the deadline, and killed then
  std::vector<actor_status>
      abandoned;                  ///< did not end even so: busy in a handler that does not return
  std::vector<running_job> jobs;  ///< on threads of the runtime's executors; let go, they cannot be
                                  ///< ended from outside
  duration took{};
  time_point at{};  ///< the runtime's time when the stragglers were looked at
  bool clean() const noexcept { return stragglers.empty() && jobs.empty(); }
};

/// The phases that had something to do in one line, and one line a straggler.
std::string to_string(const shutdown_report& report);

}  // namespace buskin
