// Two coroutines, one after the other: 3 seconds.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [say_after]
buskin::task<void> say_after(buskin::duration delay, std::string what) {
  co_await buskin::sleep(delay);
  std::cout << what << '\n';
}
// [/say_after]

// [sequential]
buskin::task<void> co_main() {
  const auto start = buskin::runtime::current().now();
  co_await say_after(1s, "hello");
  co_await say_after(2s, "world");
  std::cout << "took " << (buskin::runtime::current().now() - start) / 1s << " s\n";
}
// [/sequential]

int main() { buskin::run(co_main()); }
