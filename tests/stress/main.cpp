// Random use of all brokers by tasks that are cancelled, run out of time and are killed at random;
// in the end the books have to balance. And two other games.
//
//   stress [--game brokers|shutdown] [--seed N] [--rounds N] [--seconds S] [--workers N]
//          [--players N]
//   stress --game flood [--seconds S] [--bounded yes|no] [--growth MIB] [--headroom MIB]
//
// With one worker the game of the brokers runs in virtual time, and a seed replays the same round;
// everything else runs in real time. A round that fails prints the command that runs it alone. See
// game.hpp for what the games are.
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
  std::string game = "brokers";
  std::optional<std::uint64_t> seed;
  std::uint64_t rounds = 0;  // 0: as many as the time allows
  double seconds = 60;
  stress::rules rules;
  stress::flood_rules flood;
};

settings parse(int argc, char** argv) {
  settings all;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) throw std::invalid_argument(std::string(name) + " wants a value");
    const std::string value = argv[i + 1];
    if (name == "--game")
      all.game = value;
    else if (name == "--bounded")
      all.flood.bounded = value != "no";
    else if (name == "--growth")
      all.flood.growth = std::stoul(value);
    else if (name == "--headroom")
      all.flood.headroom = std::stoul(value);
    else if (name == "--seed")
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
  if (all.game != "brokers" && all.game != "shutdown" && all.game != "flood")
    throw std::invalid_argument("there is no game " + all.game);
  all.flood.seconds = all.seconds;
  return all;
}

int play_flood(const settings& all) {
  const auto outcome = stress::flood(all.flood);
  for (const auto& fault : outcome.faults) std::printf("FAULT %s\n", fault.c_str());
  std::printf("%llu messages and items, %llu looks at the memory\n",
              static_cast<unsigned long long>(outcome.counts.items),
              static_cast<unsigned long long>(outcome.counts.moves));
  return outcome.faults.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

int play_all(const settings& all) {
  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + std::chrono::duration<double>(all.seconds);
  std::uint64_t seed = all.seed ? *all.seed : std::random_device{}();
  std::uint64_t failed = 0, rounds = 0;
  stress::tally sum;
  while (all.rounds != 0 ? rounds != all.rounds : clock::now() < end) {
    const auto outcome =
        all.game == "shutdown" ? stress::break_off(all.rules, seed) : stress::play(all.rules, seed);
    sum += outcome.counts;
    ++rounds;
    if (!outcome.faults.empty()) {
      ++failed;
      for (const auto& fault : outcome.faults) std::printf("FAULT %s\n", fault.c_str());
      std::printf("replay: stress --game %s --rounds 1 --seed %llu --workers %u --players %zu\n",
                  all.game.c_str(), static_cast<unsigned long long>(seed), all.rules.workers,
                  all.rules.players);
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
    const auto all = parse(argc, argv);
    return all.game == "flood" ? play_flood(all) : play_all(all);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stress: %s\n", error.what());
    return 2;
  }
}
