// Signals as something to await: the program tells what it does on SIGUSR1, and ends on SIGTERM.
#include <buskin/buskin.hpp>
#include <buskin/runtime/signals.hpp>

#include <csignal>
#include <iostream>

using namespace std::chrono_literals;

namespace {

// [signals]
buskin::task<void> listen() {
  buskin::signals asked({SIGUSR1, SIGTERM, SIGINT});
  while (co_await asked.next() == SIGUSR1)
    std::cout << to_string(buskin::runtime::current().capture_await_tree());
}
// [/signals]

buskin::task<void> co_main() {
  auto listening = buskin::spawn(listen(), {"listening"});
  co_await buskin::sleep(10ms);
  std::raise(SIGUSR1);
  co_await buskin::sleep(10ms);
  std::raise(SIGTERM);
  co_await listening;
  std::cout << "asked to end\n";
}

}  // namespace

int main() { buskin::run(co_main()); }
