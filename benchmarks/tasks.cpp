// Tasks, locks and queues, against asyncio on its own loop and on uvloop, the better of the two.
//
// The work is the same, line by line (peers/asyncio/peer.py): once with a tenth of the operations
// to warm up, then measured from within a task. Ours run on a cooperative runtime that is driven as
// a program drives it. Real time, but for the sleeps, where the processor time counts.
#include <support/comparison.hpp>
#include <support/peer_program.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/lock.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>
#include <buskin/runtime/to_thread.hpp>

#include <chrono>
#include <cstddef>
#include <ctime>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using buskin::task;

// -- the work -----------------------------------------------------------------------------------

task<void> uncontended_lock(std::size_t count) {
  const buskin::lock lock;
  for (std::size_t i = 0; i != count; ++i) const auto held = co_await lock.hold();
}

constexpr std::size_t contenders = 100;

/// Whoever holds the lock lets the others run and so has them queue up.
task<void> contend(buskin::lock lock, std::size_t count) {
  for (std::size_t i = 0; i != count; ++i) {
    const auto held = co_await lock.hold();
    co_await buskin::yield();
  }
}

task<void> contended_lock(std::size_t count) {
  const buskin::lock lock;
  std::vector<task<void>> all;
  for (std::size_t i = 0; i != contenders; ++i) all.push_back(contend(lock, count / contenders));
  co_await buskin::gather(std::move(all));
}

task<void> produce(buskin::queue<std::size_t> queue, std::size_t count) {
  for (std::size_t number = 0; number != count; ++number) co_await queue.put(number);
}

task<std::size_t> consume(buskin::queue<std::size_t> queue, std::size_t count) {
  std::size_t total = 0;
  for (std::size_t i = 0; i != count; ++i) total += co_await queue.get();
  co_return total;
}

task<void> through_queue(std::size_t capacity, std::size_t count) {
  const buskin::queue<std::size_t> queue(capacity);
  const auto [none, total] = co_await buskin::gather(produce(queue, count), consume(queue, count));
  if (total != count * (count - 1) / 2) throw std::logic_error("the sum of the items is wrong");
}

task<void> bounded_queue(std::size_t count) { return through_queue(10, count); }
task<void> unbounded_queue(std::size_t count) { return through_queue(0, count); }

task<void> nothing() { co_return; }

task<void> spawn_and_join(std::size_t count) {
  std::vector<buskin::task_handle<void>> tasks;
  for (std::size_t i = 0; i != count; ++i) tasks.push_back(buskin::spawn(nothing()));
  for (auto& each : tasks) co_await each;
}

task<void> sleep_for(buskin::duration delay) { co_await buskin::sleep(delay); }

/// All at once, due at a thousand different times from 0.5 s to 1 s from now.
task<void> sleeps(std::size_t count) {
  std::vector<buskin::task_handle<void>> tasks;
  for (std::size_t i = 0; i != count; ++i)
    tasks.push_back(buskin::spawn(sleep_for(500ms + i * 7919 % 1000 * 500us)));
  for (auto& each : tasks) co_await each;
}

task<void> through_thread(std::size_t count) {
  const auto next = [](std::size_t number) { return number + 1; };
  for (std::size_t number = 0; number != count; ++number)
    if (co_await buskin::to_thread(next, number) != number + 1)
      throw std::logic_error("a thread's answer is wrong");
}

// -- the table ----------------------------------------------------------------------------------

using work = task<void> (*)(std::size_t count);

double nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

task<double> measured(work what, std::size_t count, clockid_t clock) {
  co_await what(count / 10);
  const double began = nanoseconds(clock);
  co_await what(count);
  co_return (nanoseconds(clock) - began) / static_cast<double>(count);
}

/// `name` is the work's name in peer.py.
bench::comparison against_asyncio(std::string title, const std::string& name, work what,
                                  std::size_t count, double target,
                                  clockid_t clock = CLOCK_MONOTONIC) {
  bench::comparison row{std::move(title), {}, {}};
  row.ours.push_back({"buskin",
                      [=] {
                        buskin::runtime_options options;
                        options.signals = buskin::signal_handling::none;
                        buskin::runtime owner(options);
                        return bench::sample{
                            owner.run_until_complete(measured(what, count, clock))};
                      },
                      {target}});
  for (const std::string loop : {"asyncio", "uvloop"})
    if (const auto python = bench::peer_program::python(loop))
      row.peers.push_back(python->doing(loop, name, count));
  return row;
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite all("tasks", argc, argv);
  all.add(against_asyncio("uncontended lock, take and release", "uncontended_lock",
                          uncontended_lock, 200'000, 4));
  all.add(against_asyncio("lock contended by 100 tasks, take, let others run and release",
                          "contended_lock", contended_lock, 50'000, 12));
  all.add(against_asyncio("queue of 10, an item from task to task", "bounded_queue", bounded_queue,
                          100'000, 5));
  all.add(against_asyncio("unbounded queue, an item from task to task", "unbounded_queue",
                          unbounded_queue, 100'000, 4));
  all.add(against_asyncio("spawn and join of 100 000 tasks, a task", "spawn_and_join",
                          spawn_and_join, 100'000, 10));
  all.add(against_asyncio("100 000 sleeps, processor time of one", "sleeps", sleeps, 100'000, 10,
                          CLOCK_PROCESS_CPUTIME_ID));
  all.add(against_asyncio("to_thread, a round trip", "to_thread", through_thread, 20'000, 3));
  return all.run();
}
