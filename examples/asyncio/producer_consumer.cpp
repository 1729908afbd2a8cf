// Three workers share the jobs of a queue; whoever put them waits until all are done.
#include <buskin/buskin.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;

// [workers]
buskin::task<void> worker(std::string name, buskin::queue<std::chrono::milliseconds> jobs) {
  for (;;) {
    const auto length = co_await jobs.get();
    co_await buskin::sleep(length);
    jobs.task_done();
    std::cout << name << " slept for " << length.count() << " ms\n";
  }
}

buskin::task<void> co_main() {
  buskin::queue<std::chrono::milliseconds> jobs;
  for (int i = 1; i <= 9; ++i) jobs.put_nowait(i * 100ms);

  auto& loop = buskin::runtime::current();
  const auto start = loop.now();
  std::vector<buskin::task_handle<void>> workers;
  for (const auto* name : {"worker-0", "worker-1", "worker-2"})
    workers.push_back(buskin::spawn(worker(name, jobs), {name}));
  co_await jobs.join();
  const auto took = std::chrono::round<std::chrono::milliseconds>(loop.now() - start);

  for (const auto& each : workers) each.cancel();
  std::cout << "3 workers slept in parallel for " << took.count() << " ms, together for 4500 ms\n";
}
// [/workers]

int main() { buskin::run(co_main()); }
