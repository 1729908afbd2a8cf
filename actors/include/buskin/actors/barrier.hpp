// A place where a number of tasks wait for each other. asyncio's Barrier.
#pragma once

#include <buskin/actors/condition.hpp>
#include <buskin/runtime/task.hpp>

#include <cstddef>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>

namespace buskin {

/// The barrier was aborted, or reset while somebody waited.
class broken_barrier : public std::runtime_error {
 public:
  broken_barrier() : std::runtime_error("the barrier is broken") {}
};

/// A barrier for a fixed number of parties; copies of this object are the same barrier. Round after round: when the last party has
/// arrived all go on, and the next round begins when all have left.
class barrier {
 public:
  /// Throws std::invalid_argument for less than one party. Inside a running runtime.
  explicit barrier(std::size_t parties);

  /// Awaits the others; yields this party's index of arrival, 0 to parties-1. Throws broken_barrier. Cancellation: this party
  /// leaves, another may take its place.
  task<std::size_t> wait(std::source_location where = std::source_location::current()) const;
  /// Whoever waits gets broken_barrier; then the barrier begins anew. Mends a broken one.
  task<void> reset() const;
  /// Breaks the barrier: whoever waits, and whoever comes until a reset, gets broken_barrier.
  task<void> abort() const;

  std::size_t parties() const noexcept;
  /// Parties that wait for the round to be complete.
  std::size_t waiting() const;
  bool broken() const;

 private:
  struct shared;
  static task<std::size_t> pass(std::shared_ptr<shared> self, std::source_location where);
  static task<void> change(std::shared_ptr<shared> self, bool broken);
  std::shared_ptr<shared> shared_;
};

}  // namespace buskin
