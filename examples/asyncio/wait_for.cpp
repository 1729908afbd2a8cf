// A limit for something that takes too long; and the same as a scope.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<std::string> eternity() {
  co_await buskin::sleep(1h);
  co_return "yay!";
}

buskin::task<void> co_main() {
  // [wait_for]
  try {
    std::cout << co_await buskin::wait_for(eternity(), 1s) << '\n';
  } catch (const buskin::timeout_error&) {
    std::cout << "timeout!\n";
  }
  // [/wait_for]

  // [scope]
  const auto start = buskin::runtime::current().now();
  buskin::timeout_scope scope(start + 1s);
  co_await scope.run([&](buskin::timeout_scope& self) -> buskin::task<void> {
    self.reschedule(start + 5s);  // it turns out that there is more time
    co_await buskin::sleep(3s);
  });
  std::cout << (scope.expired() ? "too late" : "in time") << '\n';
  // [/scope]
}

int main() { buskin::run(co_main()); }
