// Seeds for tests that play at random: as many as the test wants by default, BUSKIN_SEEDS of them,
// or only BUSKIN_SEED.
#pragma once

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace buskin::test {

inline std::vector<std::uint64_t> seeds(std::uint64_t count) {
  if (const char* one = std::getenv("BUSKIN_SEED"); one != nullptr)
    return {std::strtoull(one, nullptr, 10)};
  if (const char* many = std::getenv("BUSKIN_SEEDS"); many != nullptr)
    count = std::strtoull(many, nullptr, 10);
  std::vector<std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

/// How to play a seed of the present test again.
inline std::string replay(std::uint64_t seed) {
  const auto& suite = boost::unit_test::framework::master_test_suite();
  return "BUSKIN_SEED=" + std::to_string(seed) + " " + suite.argv[0] +
         " --run_test=" + boost::unit_test::framework::current_test_case().full_name();
}

}  // namespace buskin::test
