// asyncio's event loop with callbacks: run_forever, call_soon, call_later, stop.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

namespace {

void show_date(buskin::runtime& loop, buskin::time_point end, int second) {
  std::cout << "second " << second << "\n";
  if (loop.now() + 1s < end)
    loop.call_later(1s, [&loop, end, second] { show_date(loop, end, second + 1); });
  else
    loop.stop();
}

}  // namespace

int main() {
  // [callbacks]
  buskin::runtime loop;
  loop.call_soon([] { std::cout << "first in,\n"; });
  loop.call_soon([] { std::cout << "first out\n"; });
  auto never = loop.call_later(2s, [] { std::cout << "never printed\n"; });
  never.cancel();
  loop.call_soon([&] { show_date(loop, loop.now() + 5s, 0); });
  loop.run_forever();
  // [/callbacks]
  std::cout << "stopped\n";
}
