// Tasks that wait for an event.
#include <buskin/buskin.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [event]
buskin::task<void> waiter(std::string name, buskin::event event) {
  std::cout << name << " waits for it ...\n";
  co_await event.wait();
  std::cout << "... " << name << " got it!\n";
}

buskin::task<void> co_main() {
  buskin::event event;
  auto one = buskin::spawn(waiter("one", event));
  auto two = buskin::spawn(waiter("two", event));
  co_await buskin::sleep(1s);
  std::cout << "set\n";
  event.set();
  co_await one;
  co_await two;
}
// [/event]

int main() { buskin::run(co_main()); }
