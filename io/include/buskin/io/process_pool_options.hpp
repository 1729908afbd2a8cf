// How a pool of worker processes is to be.
#pragma once

#include <buskin/runtime/thread_pool.hpp>

#include <chrono>
#include <cstddef>
#include <limits>
#include <string>

namespace buskin::io {

struct process_pool_options {
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
  static constexpr std::chrono::milliseconds forever = std::chrono::milliseconds::max();

  std::string name = "process pool";  ///< for reports
  /// At most so many processes work at a time, each started when there is work for it; 0 for as
  /// many as there are processors.
  std::size_t workers = 0;
  /// How many jobs may wait for a worker. What becomes of one more, `full` says.
  std::size_t capacity = unlimited;
  when_full full = when_full::wait;
  /// After so many jobs a worker ends, and another one takes its place: for functions that leak.
  std::size_t max_jobs_per_worker = unlimited;
  /// How long a worker may take from its start until it asks for work. Real time.
  std::chrono::milliseconds start_timeout{10'000};
  /// How long a worker that is not needed any more may take to end before it is killed: it runs its
  /// static destructors. Real time.
  std::chrono::milliseconds grace{3000};
};

}  // namespace buskin::io
