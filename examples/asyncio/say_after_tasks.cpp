// The same two as tasks, at the same time: 2 seconds.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<void> say_after(buskin::duration delay, std::string what) {
  co_await buskin::sleep(delay);
  std::cout << what << '\n';
}

// [tasks]
buskin::task<void> co_main() {
  const auto start = buskin::runtime::current().now();
  auto hello = buskin::spawn(say_after(1s, "hello"));
  auto world = buskin::spawn(say_after(2s, "world"), {"world"});
  co_await hello;
  co_await world;
  std::cout << "took " << (buskin::runtime::current().now() - start) / 1s << " s\n";
}
// [/tasks]

int main() { buskin::run(co_main()); }
