// Something every second, with run_forever; a tick that takes long makes others be left out.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

namespace {

buskin::task<void> measure(int& count) {
  std::cout << "measure " << ++count << "\n";
  if (count == 3) co_await buskin::sleep(2500ms);
}

}  // namespace

int main() {
  buskin::runtime loop;
  int count = 0;
  // [every]
  auto beating = loop.every(1s, [] { std::cout << "tick\n"; });
  auto measuring = loop.every(1s, [&] { return measure(count); }, {.name = "measure"});
  // [/every]
  loop.call_later(3500ms, [&] { beating.cancel(); });
  loop.call_later(7500ms, [&] { loop.stop(); });
  loop.run_forever();
  std::cout << measuring.ticks() << " measured, " << measuring.skipped() << " left out\n";
}
