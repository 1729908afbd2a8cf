// A task group: nobody is left behind, and one failure ends the whole.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<void> step(std::string name, std::chrono::milliseconds length, bool fails) {
  try {
    co_await buskin::sleep(length);
  } catch (const buskin::cancelled& reason) {
    std::cout << name << " is cancelled: " << reason.what() << '\n';
    throw;
  }
  if (fails) throw std::runtime_error(name + " failed");
  std::cout << name << " is done\n";
}

buskin::task<int> co_main() {
  try {
    co_await buskin::task_group().run([](buskin::task_group& group) -> buskin::task<void> {
      group.spawn(step("first", 50ms, false));
      group.spawn(step("second", 100ms, true));
      group.spawn(step("third", 10s, false));
      co_return;
    });
  } catch (const buskin::exception_group& failures) {
    std::cout << failures.what() << '\n';
  }
  co_return 0;
}

int main() { return buskin::run(co_main()); }
