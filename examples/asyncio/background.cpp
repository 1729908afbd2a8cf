// A loop in a background thread, and a thread that gives it work: run_coroutine_threadsafe.
#include <buskin/buskin.hpp>

#include <iostream>
#include <stdexcept>

using namespace std::chrono_literals;

namespace {

buskin::task<int> add(int a, int b) {
  co_await buskin::sleep(1s);
  co_return a + b;
}

buskin::task<int> fail() {
  co_await buskin::sleep(1s);
  throw std::runtime_error("no luck");
}

buskin::task<void> wait_for_an_event(buskin::event happened) { co_await happened.wait(); }

buskin::task<buskin::event> make_event() { co_return buskin::event(); }

}  // namespace

int main() {
  // [background]
  buskin::runtime owner;
  auto loop = owner.run_in_background();

  auto sum = owner.submit(add(1, 2));
  auto failing = owner.submit(fail());
  std::cout << "1 + 2 = " << sum.get() << "\n";
  try {
    failing.get();
  } catch (const std::runtime_error& error) {
    std::cout << "failed: " << error.what() << "\n";
  }
  // [/background]

  auto endless = owner.submit(wait_for_an_event(owner.submit(make_event()).get()));
  if (!endless.wait_for(10ms)) endless.cancel("too slow");
  try {
    endless.get();
  } catch (const buskin::cancelled& reason) {
    std::cout << "cancelled: " << reason.message() << "\n";
  }
  loop.stop();
  std::cout << "the loop has stopped\n";
}
