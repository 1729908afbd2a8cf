// Cancelling a task: it is told by an exception, and may clean up.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [cancel]
buskin::task<void> cancel_me() {
  std::cout << "cancel_me(): before sleep\n";
  try {
    co_await buskin::sleep(1h);
  } catch (const buskin::cancelled& request) {
    std::cout << "cancel_me(): cancel sleep, because: " << request.message() << '\n';
    throw;
  }
  std::cout << "cancel_me(): after sleep\n";
}

buskin::task<void> co_main() {
  auto task = buskin::spawn(cancel_me());
  co_await buskin::sleep(1s);
  task.cancel("no time");
  try {
    co_await task;
  } catch (const buskin::cancelled&) {
    std::cout << "main(): cancel_me is cancelled now\n";
  }
}
// [/cancel]

int main() { buskin::run(co_main()); }
