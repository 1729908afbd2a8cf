// Where a benchmark's actors run: a fresh runtime of ours, or a fresh actor system with CAF's own
// scheduler.
//
// The work gets the actor system and a finish line. Nobody blocks inside an actor: on ours the
// calling thread is the worker and polls until the line was crossed, with CAF it sleeps meanwhile.
// The time goes from just before the work is given to the moment somebody crosses the line, so
// neither side pays for waking the caller; building up and tearing down do not count.
#pragma once

#include <buskin/runtime/runtime.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>

namespace bench {

using steady = std::chrono::steady_clock;

class finish_line {
 public:
  /// The work is done. Any thread, once.
  void cross() {
    at_ = steady::now();
    crossed_.store(true, std::memory_order_release);
    crossed_.notify_all();
  }
  bool crossed() const noexcept { return crossed_.load(std::memory_order_acquire); }
  void wait() const noexcept { crossed_.wait(false, std::memory_order_acquire); }
  /// Nanoseconds for one of `operations` since `began`.
  double cost(steady::time_point began, std::size_t operations) const {
    return std::chrono::duration<double, std::nano>(at_ - began).count() /
           static_cast<double>(operations);
  }

 private:
  steady::time_point at_;  // written before crossed_
  std::atomic<bool> crossed_{false};
};

/// Runs `work(runtime, line)` on a cooperative runtime, driven by this thread.
template <class Work>
double on_buskin(std::size_t operations, Work work) {
  buskin::runtime_options options;
  options.signals = buskin::signal_handling::none;
  buskin::runtime owner(options);
  finish_line line;
  const auto began = steady::now();
  work(owner, line);
  while (!line.crossed()) owner.poll();
  return line.cost(began, operations);
}

/// Runs `work(system, line)` on CAF's scheduler with so many threads.
template <class Work>
double on_caf(std::size_t threads, std::size_t operations, Work work) {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", threads);
  caf::actor_system system(config);
  finish_line line;
  const auto began = steady::now();
  work(system, line);
  line.wait();
  return line.cost(began, operations);
}

}  // namespace bench
