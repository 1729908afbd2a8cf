// Child processes: /bin/true is started and waited for, ten at a time, with our standard streams.
#include <support/comparison.hpp>
#include <support/peer_program.hpp>

#include <buskin/actors/task_group.hpp>
#include <buskin/io/process.hpp>
#include <buskin/runtime/runtime.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t runs = 1000;
constexpr std::size_t at_a_time = 10;

buskin::task<void> run_some(std::size_t& left) {
  while (left != 0) {
    --left;
    const auto child =
        co_await buskin::io::exec({"/bin/true"}, {.in = buskin::io::redirect::inherit(),
                                                  .out = buskin::io::redirect::inherit(),
                                                  .err = buskin::io::redirect::inherit()});
    if (!(co_await child.wait()).success()) throw std::runtime_error("/bin/true failed");
  }
}

buskin::task<void> run_all() {
  std::size_t left = runs;
  co_await buskin::task_group().run([&](buskin::task_group& group) -> buskin::task<void> {
    for (std::size_t i = 0; i != at_a_time; ++i) group.spawn(run_some(left));
    co_return;
  });
}

bench::sample with_ours() {
  buskin::runtime_options options;
  options.signals = buskin::signal_handling::none;
  const auto began = std::chrono::steady_clock::now();
  buskin::run(run_all(), options);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
  return {took.count() / static_cast<double>(runs)};
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite all("processes", argc, argv);
  std::vector<bench::contestant> peers;
  for (const std::string loop : {"asyncio", "uvloop"})
    if (const auto python = bench::peer_program::python(loop))
      peers.push_back(python->doing(loop, "run_true", runs));
  all.add({"/bin/true, started and waited for",
           {{"buskin::io::exec", with_ours, {1.5}}},
           bench::in_microseconds(std::move(peers)),
           {{"", "us"}}});
  return all.run();
}
