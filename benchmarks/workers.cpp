// What a second worker gains and costs: the same work on a threaded runtime with two workers and on
// a cooperative one.
//
// Fork and join: 1024 leaves of some 50 us of arithmetic, spawned by halving, each half joined. The
// cost is that of a leaf. Ping-pong has nothing to share out: what counts is that two workers do
// not tear the pair apart.
#include <support/comparison.hpp>
#include <support/ping_pong.hpp>
#include <support/stage.hpp>

#include <buskin/actors/event.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace {

using buskin::task;

constexpr int round_trips = 300'000;
constexpr unsigned leaves = 1024;
constexpr int steps = 30'000;

/// Arithmetic that no compiler can shorten.
std::uint64_t churn(std::uint64_t seed) {
  for (int i = 0; i != steps; ++i) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
  }
  return seed;
}

task<std::uint64_t> fork_join(unsigned first, unsigned count) {
  if (count == 1) co_return churn(first + 1);
  auto left = buskin::spawn(fork_join(first, count / 2));
  auto right = buskin::spawn(fork_join(first + count / 2, count / 2));
  co_return co_await left ^ co_await right;
}

task<double> time_fork_join() {
  co_await fork_join(0, leaves / 8);
  const auto began = bench::steady::now();
  volatile auto result = co_await fork_join(0, leaves);
  static_cast<void>(result);
  const auto took = bench::steady::now() - began;
  co_return std::chrono::duration<double, std::nano>(took).count() / leaves;
}

task<double> time_ping_pong() {
  bench::finish_line line;
  const buskin::event ended;
  auto& system = buskin::runtime::current().system();
  const auto pong = bench::start<bench::lean_pong>(system);
  const auto ping = bench::start<bench::lean_ping>(system, pong, round_trips, line);
  pong->attach_functor([ended] { ended.set(); });
  const auto began = bench::steady::now();
  caf::anon_send(ping, 0);
  co_await ended.wait();
  co_return line.cost(began, round_trips);
}

bench::contestant on_workers(unsigned workers, task<double> (*work)(), double target = 0) {
  return {std::to_string(workers) + (workers == 1 ? " worker" : " workers"),
          [=] {
            buskin::runtime_options options;
            options.workers = workers;
            options.signals = buskin::signal_handling::none;
            buskin::runtime owner(options);
            return bench::sample{owner.run_until_complete(work())};
          },
          {target}};
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite all("workers", argc, argv);
  all.add({"fork and join of arithmetic, a leaf",
           {on_workers(2, time_fork_join, 1.8)},
           {on_workers(1, time_fork_join)}});
  all.add({"ping-pong, a round trip",
           {on_workers(2, time_ping_pong, 0.8)},
           {on_workers(1, time_ping_pong)}});
  return all.run();
}
