// Two tasks that take turns with a lock.
#include <buskin/buskin.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [lock]
buskin::task<void> work(std::string name, buskin::lock lock) {
  std::cout << name << " waits for the lock\n";
  {
    const auto guard = co_await lock.hold();
    std::cout << name << " has the lock\n";
    co_await buskin::sleep(1s);
  }
  std::cout << name << " released the lock\n";
}

buskin::task<void> co_main() {
  buskin::lock lock;
  std::cout << to_string(lock) << '\n';
  co_await buskin::gather(work("coro1", lock), work("coro2", lock));
  std::cout << to_string(lock) << '\n';
}
// [/lock]

int main() { buskin::run(co_main()); }
