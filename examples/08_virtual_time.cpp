// Time in a test: hours pass at once, and exactly.
#include <buskin/buskin.hpp>

#include <cstdlib>
#include <iostream>

using namespace std::chrono_literals;

// [retry]
/// What is to be tested: tries with a pause that doubles, up to an hour.
buskin::task<int> retry(int failures) {
  auto pause = 1min;
  for (int attempt = 1;; ++attempt) {
    if (attempt > failures) co_return attempt;
    co_await buskin::sleep(pause);
    pause = std::min(2 * pause, 60min);
  }
}
// [/retry]

int main() {
  // [jump]
  // Whenever there is nothing else to do, this clock jumps to the next deadline.
  buskin::manual_clock clock(buskin::manual_clock::mode::jump);
  buskin::runtime_options options;
  options.clock = &clock;
  const int attempts = buskin::run(retry(8), options);
  std::cout << attempts << " attempts in " << clock.elapsed() / 1min << " minutes\n";
  // [/jump]

  // [by_hand]
  // By hand: the time stands still until the test moves it.
  buskin::manual_clock watch;
  options.clock = &watch;
  buskin::runtime stage(options);
  const auto trying = buskin::spawn(stage, retry(1));
  stage.poll();
  watch.advance(59s);
  stage.poll();
  std::cout << "after 59 s: " << (trying.done() ? "done" : "waits") << '\n';
  watch.advance(1s);
  stage.poll();
  std::cout << "after 60 s: " << (trying.done() ? "done" : "waits") << '\n';
  // [/by_hand]
  return trying.result() == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
