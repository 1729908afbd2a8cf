// asyncio's run_in_executor, with its three kinds of executors: the default threads for what
// blocks, a pool of our own, and processes for what computes.
#include <buskin/buskin.hpp>

#include <cstdint>
#include <fstream>
#include <iostream>
#include <string>

namespace {

/// Files can block whoever reads them: not a worker of the runtime.
std::string blocking_io() {
  std::string bytes(100, '\0');
  std::ifstream("/dev/urandom", std::ios::binary).read(bytes.data(), 100);
  return bytes;
}

/// Computing keeps a processor for itself: best in a process of its own.
std::uint64_t cpu_bound(std::uint64_t end) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i != end; ++i) sum += i * i;
  return sum;
}

// [executors]
buskin::task<void> co_main() {
  const auto by_default = co_await buskin::to_thread(blocking_io);
  std::cout << "default executor: " << by_default.size() << " bytes\n";

  buskin::thread_pool threads({.name = "files"});
  const auto by_thread = co_await buskin::run_on(threads, blocking_io);
  std::cout << "pool of threads: " << by_thread.size() << " bytes\n";

  const buskin::process_pool processes;
  const auto by_process = co_await processes.run<cpu_bound>(1'000'000U);
  std::cout << "pool of processes: " << by_process << '\n';
}
// [/executors]

}  // namespace

int main() {
  buskin::process_pool::work_if_worker();
  buskin::run(co_main());
}
