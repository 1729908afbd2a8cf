// One round of the stress run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stress {

struct rules {
  unsigned workers = 1;
  std::size_t players = 40;      // at a time
  std::size_t moves = 30;        // of a player
  std::size_t substitutes = 60;  // for those that were cancelled or killed
};

/// What happened, for a look at whether a run was any test at all.
struct tally {
  std::uint64_t moves = 0, timeouts = 0, cancelled = 0, killed = 0, items = 0;
  tally& operator+=(const tally& other);
};
std::string to_string(const tally& counts);

struct outcome {
  tally counts;
  std::vector<std::string> faults;
};

outcome play(const rules& how, std::uint64_t seed);

/// L4 of the faults: the same players, a storm of restarts, a job on a thread, a server, a client,
/// a program, and at times a task that will not end; and a shutdown at a moment that the seed
/// picks. In real time. It must end within its limits, name whom it had to kill and nobody else,
/// and leave no actor, descriptor or process behind, and the brokers' books in order.
outcome break_off(const rules& how, std::uint64_t seed);

struct flood_rules {
  bool bounded = true;
  double seconds = 60;
  std::size_t growth = 64;                // MiB that it may grow by
  std::optional<std::size_t> headroom{};  // MiB of address space; no bound without
};

/// M2 of the faults, and with `headroom` what L1 asks of a library: a thread sends and puts as fast
/// as it can to an actor and a queue whose readers are slower. With bounds the memory reaches a
/// level and stays there, what is too much is counted, and others are still served.
outcome flood(const flood_rules& how);

}  // namespace stress
