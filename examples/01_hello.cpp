// Tasks: sequential, at the same time, with a deadline.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<std::string> fetch(std::string url, std::chrono::milliseconds delay) {
  co_await buskin::sleep(delay);
  co_return "content of " + url;
}

buskin::task<int> co_main() {
  auto [a, b] =
      co_await buskin::gather(fetch("x", 300ms), fetch("y", 100ms));  // 300 ms, results in order
  std::cout << a << ", " << b << '\n';

  auto page =
      buskin::spawn(fetch("z", 1h), {"fetch z"});  // an actor of its own; it runs from here on
  try {
    co_await buskin::timeout(200ms, [&](auto&) { return page.join(); });
  } catch (const buskin::timeout_error& late) {
    std::cout << "too late: " << late.what() << '\n';
  }
  co_return 0;
}

int main() { return buskin::run(co_main()); }
