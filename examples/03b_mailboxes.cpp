// A task that reads its mailbox, names, bounded mailboxes, and learning of an end.
#include <buskin/actors/deliver.hpp>
#include <buskin/actors/registry.hpp>
#include <buskin/actors/spawn_bounded.hpp>
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;
using stop_atom = caf::atom_constant<caf::atom("stop")>;

// [receive]
buskin::task<void> counter() {
  int sum = 0;
  for (bool going = true; going;) {
    co_await buskin::receive(
        [&](int number) {
          sum += number;
          return sum;  // the answer, if it was a request
        },
        [&](stop_atom) {
          going = false;
          return sum;
        });
  }
}
// [/receive]

// [registry]
buskin::task<void> use_names() {
  const buskin::registry names;
  auto counting = buskin::spawn(counter(), {"counter"});
  names.register_name("counter", counting.actor());

  const auto found = co_await names.await_name("counter", 1s);  // also one that comes later
  std::cout << co_await buskin::ask<int>(found, 1s, 40) << '\n';
  try {
    names.register_name("counter", found);
  } catch (const buskin::name_taken& taken) {
    std::cout << "\"" << taken.name() << "\" is taken\n";
  }
  buskin::send(found, stop_atom::value);
  co_await counting;
  std::cout << (names.whereis("counter") ? "still there" : "the name is free") << '\n';
}
// [/registry]

// [bounded]
buskin::task<void> slow_reader() {
  for (int i = 0; i != 4; ++i) {
    co_await buskin::sleep(10ms);
    std::cout << "read " << co_await buskin::receive<int>() << '\n';
  }
}

buskin::task<void> use_bounds() {
  auto reader = buskin::spawn_bounded(
      slow_reader(), {.capacity = 2, .policy = buskin::overflow::wait}, {"reader"});
  for (int i = 1; i <= 4; ++i)
    co_await buskin::deliver(reader.actor(), 1s, i);  // waits while two messages wait
  co_await reader;
}
// [/bounded]

// [monitor]
buskin::task<void> broken() {
  co_await buskin::sleep(10ms);
  throw std::runtime_error("out of paper");
}

buskin::task<void> watch_an_end() {
  auto printer = buskin::spawn(broken(), {"printer"});
  auto end = buskin::monitor(printer.actor());
  std::cout << "the printer ended: " << buskin::describe(co_await end) << '\n';
  try {
    co_await printer;  // whoever holds the handle gets the exception itself
  } catch (const std::runtime_error& e) {
    std::cout << e.what() << '\n';
  }
}
// [/monitor]

buskin::task<int> co_main() {
  co_await use_names();
  co_await use_bounds();
  co_await watch_an_end();
  co_return 0;
}

int main() { return buskin::run(co_main()); }
