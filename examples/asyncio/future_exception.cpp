// A future that fails, one that is cancelled, one whose promise is forgotten; and callbacks.
#include <buskin/actors/promise.hpp>
#include <buskin/buskin.hpp>

#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

void got_result(const buskin::future<std::string>& future) {
  if (future.exception())
    std::cout << "callback: it failed\n";
  else
    std::cout << "callback: " << future.result() << '\n';
}

// [outcomes]
buskin::task<void> divide(buskin::promise<std::string> promise) {
  co_await buskin::sleep(1s);
  promise.set_exception(std::domain_error("division by zero"));
}

buskin::task<void> forget(buskin::promise<std::string>) { co_await buskin::sleep(1s); }

buskin::task<void> co_main() {
  auto [failing, failed] = buskin::make_promise<std::string>();
  failed.on_done(got_result);
  buskin::spawn(divide(std::move(failing)));
  try {
    co_await failed;
  } catch (const std::domain_error& e) {
    std::cout << "the future failed: " << e.what() << '\n';
  }

  auto [unused, given_up] = buskin::make_promise<std::string>();
  given_up.cancel("not needed any more");
  try {
    co_await given_up;
  } catch (const buskin::cancelled& e) {
    std::cout << "the future was cancelled: " << e.message() << '\n';
  }

  auto [forgotten, broken] = buskin::make_promise<std::string>();
  buskin::spawn(forget(std::move(forgotten)));
  try {
    co_await broken;
  } catch (const buskin::broken_promise&) {
    std::cout << "the promise was broken\n";
  }
}
// [/outcomes]

int main() { buskin::run(co_main()); }
