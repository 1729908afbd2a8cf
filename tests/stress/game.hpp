// One round of the stress run.
#pragma once

#include <cstddef>
#include <cstdint>
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

}  // namespace stress
