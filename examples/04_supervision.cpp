// A supervisor restarts what fails, a little later each time.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<void> flaky(int* runs) {
  co_await buskin::sleep(20ms);
  if (++*runs < 3) throw std::runtime_error("no luck in run " + std::to_string(*runs));
}

buskin::task<int> co_main() {
  int runs = 0;
  buskin::supervisor keeper({{.id = "flaky",
                              .start = [&runs] { return flaky(&runs); },
                              .restart = buskin::restart_type::transient,  // a normal end is an end
                              .backoff = {.initial = 50ms, .jitter = 0}}},
                            {.name = "keeper", .intensity = 5});
  auto events = keeper.events();
  while (runs < 3) {
    const auto event = (co_await events.next()).value;
    std::cout << event.child << ' ' << to_string(event.what);
    if (!event.reason.empty()) std::cout << ": " << event.reason;
    if (event.wait > 0s) std::cout << ' ' << event.wait / 1ms << " ms";
    std::cout << '\n';
  }
  keeper.stop();
  co_await buskin::monitor(keeper.actor());
  co_return 0;
}

int main() { return buskin::run(co_main()); }
