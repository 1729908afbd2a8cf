// Random use of all brokers by tasks that are cancelled, run out of time and are killed at random;
// in the end the books have to balance.
//
//   stress [--seed N] [--rounds N] [--seconds S] [--workers N] [--players N]
//
// One worker runs in virtual time, and a seed replays the same round; several run in real time. A
// round that fails prints the command that runs it alone.
#include "game.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

struct settings {
  std::optional<std::uint64_t> seed;
  std::uint64_t rounds = 0;  // 0: as many as the time allows
  double seconds = 60;
  stress::rules rules;
};

settings parse(int argc, char** argv) {
  settings all;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) throw std::invalid_argument(std::string(name) + " wants a value");
    const std::string value = argv[i + 1];
    if (name == "--seed")
      all.seed = std::stoull(value);
    else if (name == "--rounds")
      all.rounds = std::stoull(value);
    else if (name == "--seconds")
      all.seconds = std::stod(value);
    else if (name == "--workers")
      all.rules.workers = static_cast<unsigned>(std::stoul(value));
    else if (name == "--players")
      all.rules.players = std::stoul(value);
    else
      throw std::invalid_argument("there is no option " + std::string(name));
  }
  return all;
}

int play_all(const settings& all) {
  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + std::chrono::duration<double>(all.seconds);
  std::uint64_t seed = all.seed ? *all.seed : std::random_device{}();
  std::uint64_t failed = 0, rounds = 0;
  stress::tally sum;
  while (all.rounds != 0 ? rounds != all.rounds : clock::now() < end) {
    const auto outcome = stress::play(all.rules, seed);
    sum += outcome.counts;
    ++rounds;
    if (!outcome.faults.empty()) {
      ++failed;
      for (const auto& fault : outcome.faults) std::printf("FAULT %s\n", fault.c_str());
      std::printf("replay: stress --rounds 1 --seed %llu --workers %u --players %zu\n",
                  static_cast<unsigned long long>(seed), all.rules.workers, all.rules.players);
      std::fflush(stdout);
    }
    ++seed;
  }
  std::printf("%llu rounds, %s; %llu failed\n", static_cast<unsigned long long>(rounds),
              to_string(sum).c_str(), static_cast<unsigned long long>(failed));
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return play_all(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stress: %s\n", error.what());
    return 2;
  }
}
