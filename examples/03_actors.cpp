// Actors with message handlers, some of them coroutines; questions and answers; a queue between two
// tasks.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;
using add_atom = caf::atom_constant<caf::atom("add")>;
using slow_add_atom = caf::atom_constant<caf::atom("slow_add")>;

class calculator : public buskin::behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return buskin::handlers(
        this, [](add_atom, int a, int b) { return a + b; },
        [](slow_add_atom, int a, int b) -> buskin::task<int> {
          co_await buskin::sleep(100ms);  // other messages are handled meanwhile
          co_return a + b;
        });
  }
};

buskin::task<void> produce(buskin::queue<int> items) {
  for (int i = 1; i <= 3; ++i) co_await items.put(i);  // waits when the queue is full
  items.shutdown();
}

buskin::task<int> co_main() {
  auto calc = buskin::spawn_actor<calculator>(buskin::runtime::current().system());
  std::cout << co_await buskin::ask<int>(calc, 1s, add_atom::value, 1, 2) << '\n';
  std::cout << co_await buskin::ask<int>(calc, 1s, slow_add_atom::value, 3, 4) << '\n';

  buskin::queue<int> items(1);
  auto producer = buskin::spawn(produce(items), {"producer"});
  try {
    for (;;) {
      const int item = co_await items.get();
      std::cout << "item " << item << '\n';
    }
  } catch (const buskin::queue_shutdown&) {
    std::cout << "no more items\n";
  }
  co_await producer;
  co_return 0;
}

int main() { return buskin::run(co_main()); }
