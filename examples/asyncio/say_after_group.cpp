// The same two in a task group, which waits for them by itself.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<void> say_after(buskin::duration delay, std::string what) {
  co_await buskin::sleep(delay);
  std::cout << what << '\n';
}

// [group]
buskin::task<void> co_main() {
  const auto start = buskin::runtime::current().now();
  co_await buskin::task_group().run([](buskin::task_group& group) -> buskin::task<void> {
    group.spawn(say_after(1s, "hello"));
    group.spawn(say_after(2s, "world"));
    co_return;
  });
  // Both have ended.
  std::cout << "took " << (buskin::runtime::current().now() - start) / 1s << " s\n";
}
// [/group]

int main() { buskin::run(co_main()); }
