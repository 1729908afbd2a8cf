// A future that a callback of the loop sets: asyncio's "Future with run_until_complete".
#include <buskin/actors/promise.hpp>
#include <buskin/buskin.hpp>

#include <iostream>
#include <string>

// [future]
void slow_operation(const buskin::promise<std::string>& promise) {
  promise.set_value("Future is done!");
}

buskin::task<void> co_main() {
  auto [promise, future] = buskin::make_promise<std::string>();
  auto& loop = buskin::runtime::current();
  loop.call_soon([promise = promise] { slow_operation(promise); });
  std::cout << to_string(future) << '\n';
  std::cout << co_await future << '\n';
  std::cout << to_string(future) << '\n';
}
// [/future]

int main() { buskin::run(co_main()); }
