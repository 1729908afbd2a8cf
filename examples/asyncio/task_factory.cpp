// asyncio's set_task_factory: somebody sees every task that is created, and names it.
#include <buskin/buskin.hpp>
#include <buskin/runtime/runtime.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<void> step() { co_await buskin::sleep(1s); }

buskin::task<void> co_main() {
  // [factory]
  int steps = 0;
  buskin::runtime::current().set_task_factory([&steps](buskin::new_task& created) {
    if (created.name == "step") created.name += " " + std::to_string(++steps);
    std::cout << "created: " << created.name << '\n';
  });
  // [/factory]

  auto first = buskin::spawn(step(), {"step"});
  auto second = buskin::spawn(step(), {"step"});
  co_await first;
  co_await second;
  std::cout << "ended: " << first.name() << ", " << second.name() << '\n';

  buskin::runtime::current().set_task_factory(nullptr);
  co_await buskin::spawn(step(), {"unseen"});
}

int main() { buskin::run(co_main()); }
