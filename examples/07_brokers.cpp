// What tasks share: a condition, a barrier, the latest value, items for everybody, a bounded queue.
#include <buskin/actors/watch.hpp>
#include <buskin/buskin.hpp>

#include <deque>
#include <iostream>
#include <string>

using namespace std::chrono_literals;
using buskin::task;

// [condition]
task<void> consume(buskin::condition changed, std::deque<int>* items) {
  const auto guard = co_await changed.hold();
  co_await changed.wait_for([items] { return !items->empty(); });
  std::cout << "item " << items->front() << '\n';
  items->pop_front();
}

task<void> produce(buskin::condition changed, std::deque<int>* items) {
  const auto guard = co_await changed.hold();
  items->push_back(1);
  changed.notify();
}
// [/condition]

// [barrier]
task<void> runner(std::string name, buskin::barrier line) {
  std::cout << name << " is at the line\n";
  const auto place = co_await line.wait();
  if (place == 0) std::cout << "off they go\n";
}
// [/barrier]

// [watch]
task<void> follow(buskin::observer<int> speed) {
  try {
    for (;;) {
      const int now = co_await speed.next();
      std::cout << "speed is " << now << '\n';
    }
  } catch (const buskin::watch_closed&) {
    std::cout << "no more speeds\n";
  }
}

task<void> drive(buskin::watch<int> speed) {
  for (const int now : {30, 50, 80}) {
    speed.set(now);
    co_await buskin::sleep(1s);
  }
}
// [/watch]

// [broadcast]
task<void> listen(buskin::subscription<std::string> news) {
  try {
    for (;;) {
      const auto item = co_await news.next();
      if (item.missed != 0) std::cout << item.missed << " missed\n";
      std::cout << item.value << '\n';
    }
  } catch (const buskin::queue_shutdown&) {
  }
}

task<void> announce() {
  buskin::broadcast<std::string> news(2);  // keeps two for those who lag
  auto listener = buskin::spawn(listen(news.subscribe()));
  for (const auto* what : {"one", "two", "three"}) news.publish(what);
  news.close();
  co_await listener;
}
// [/broadcast]

// [overflow]
task<void> overflow() {
  buskin::queue<int> latest({.capacity = 3, .when_full = buskin::overflow::drop_oldest});
  for (int i = 0; i != 10; ++i) co_await latest.put(i);  // never waits
  std::cout << to_string(latest) << "; " << latest.dropped_count() << " dropped\n";
}
// [/overflow]

task<void> co_main() {
  std::deque<int> items;
  const buskin::condition changed;
  co_await buskin::gather(consume(changed, &items), produce(changed, &items));
  const buskin::barrier line(2);
  co_await buskin::gather(runner("a", line), runner("b", line));
  auto speed = buskin::watch<int>(0);
  auto follower = buskin::spawn(follow(speed.observe()));
  co_await drive(std::move(speed));
  co_await follower;
  co_await announce();
  co_await overflow();
}

int main() { buskin::run(co_main()); }
