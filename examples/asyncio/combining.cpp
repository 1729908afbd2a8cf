// The other ways to combine tasks: wait, shield, map_concurrent, generators, results as values.
#include <buskin/actors/as_result.hpp>
#include <buskin/actors/async_generator.hpp>
#include <buskin/actors/map_concurrent.hpp>
#include <buskin/actors/shield.hpp>
#include <buskin/actors/wait.hpp>
#include <buskin/actors/with.hpp>
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<int> work(int seconds) {
  co_await buskin::sleep(std::chrono::seconds(seconds));
  if (seconds == 13) throw std::runtime_error("bad luck");
  co_return seconds;
}

// [generator]
buskin::async_generator<int> countdown(int from) {
  for (int i = from; i != 0; --i) {
    co_yield i;
    co_await buskin::sleep(1s);
  }
}

buskin::task<void> launch() {
  auto numbers = countdown(3);
  while (auto number = co_await numbers.next()) std::cout << *number << ' ';
  std::cout << "lift-off\n";
}
// [/generator]

buskin::task<void> waiting() {
  // [wait]
  std::vector<buskin::task_handle<int>> tasks{buskin::spawn(work(1)), buskin::spawn(work(5))};
  auto [done, pending] = co_await buskin::wait(tasks, buskin::when::all_completed, 2s);
  std::cout << done.size() << " done, " << pending.size() << " pending\n";
  // [/wait]
  std::cout << co_await pending[0] << '\n';
}

buskin::task<void> shielding() {
  // [shield]
  auto saving = buskin::spawn(work(3), {"saving"});
  try {
    co_await buskin::wait_for(buskin::shield(saving), 1s);
  } catch (const buskin::timeout_error&) {
    std::cout << "it takes long, but goes on\n";
  }
  std::cout << co_await saving << '\n';
  // [/shield]
}

buskin::task<void> mapping() {
  // [map_concurrent]
  std::vector<int> seconds{3, 1, 2, 1};
  auto results = co_await buskin::map_concurrent(seconds, 2, work);  // two at a time
  for (int each : results) std::cout << each << ' ';
  // [/map_concurrent]
  std::cout << '\n';
}

buskin::task<void> values() {
  // [as_result]
  for (int seconds : {2, 13}) {
    auto result = co_await buskin::as_result(work(seconds));
    if (result)
      std::cout << "value " << *result << '\n';
    else
      std::cout << "failed: " << buskin::describe(result.error()) << '\n';
  }
  // [/as_result]
}

struct session {
  std::string name;
};

buskin::task<void> releasing() {
  // [with]
  co_await buskin::with(
      session{"s1"}, [](session&) { return work(1); },
      [](session& s, const std::exception_ptr& error) -> buskin::task<void> {
        co_await buskin::sleep(1s);  // say good-bye
        std::cout << s.name << (error ? " failed\n" : " closed\n");
      });
  // [/with]
}

buskin::task<void> co_main() {
  co_await launch();
  co_await waiting();
  co_await shielding();
  co_await mapping();
  co_await values();
  co_await releasing();
}

int main() { buskin::run(co_main()); }
