// asyncio.run(main(), debug=True): what debug mode finds, told by codes.
#include <buskin/buskin.hpp>

#include <iostream>
#include <stdexcept>
#include <thread>

using namespace std::chrono_literals;

namespace {

buskin::task<void> forgotten() { co_return; }

buskin::task<void> blocking() {
  std::this_thread::sleep_for(30ms);  // everybody else waits meanwhile
  co_return;
}

buskin::task<int> failing() {
  throw std::runtime_error("nobody looked");
  co_return 0;
}

buskin::task<void> co_main() {
  (void)forgotten();
  buskin::spawn(failing(), {"failing"});
  co_await buskin::sleep(1s);
  auto other = buskin::runtime::current().submit(blocking(), "blocking");
  try {
    other.get();  // would block the thread that `other` needs
  } catch (const buskin::invalid_state&) {
  }
  co_await other;
}

}  // namespace

int main() {
  // [debug]
  buskin::clock real;  // a turn takes real time
  buskin::runtime_options options;
  options.clock = &real;
  options.debug = true;
  options.limits.slow_turn = 10ms;
  options.on_incident = [](const buskin::incident& what) {
    std::cout << what.code << " " << what.who << "\n";
  };
  buskin::run(co_main(), options);
  // [/debug]
}
