// A tree of supervisors, a pool of children, and requests to a supervisor.
#include <buskin/actors/child_pool.hpp>
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<void> work() { co_await buskin::sleep(1h); }

// [tree]
buskin::supervisor storage() {
  return buskin::supervisor(
      {{.id = "database", .start = work}, {.id = "cache", .start = work}},
      {.name = "storage", .strategy = buskin::restart_strategy::rest_for_one, .intensity = 3});
}

buskin::task<buskin::supervisor> start_tree() {
  buskin::supervisor top(
      {{.id = "storage", .start_supervisor = storage},
       {.id = "web", .start = work, .shutdown = buskin::child_shutdown::within(2s)}},
      {.name = "top"});
  co_await top.started();  // or throws: which child, where in the tree, and why
  co_return top;
}
// [/tree]

// [requests]
buskin::task<void> change_children(buskin::supervisor top) {
  const caf::actor mailer = co_await top.start_child({.id = "mailer", .start = work});
  co_await top.terminate_child("mailer");  // waits for its end; the specification stays
  co_await top.restart_child("mailer");
  try {
    co_await top.delete_child("mailer");
  } catch (const buskin::child_error& no) {
    std::cout << no.what() << '\n';
  }
  for (const auto& child : top.which_children())
    std::cout << child.id << ": " << to_string(child.now) << '\n';
}
// [/requests]

// [pool]
buskin::task<void> greet(std::string name) {
  std::cout << "hello " << name << '\n';
  co_await work();
}

buskin::task<void> use_pool() {
  buskin::child_pool<std::string> clients(
      greet, {.id = "client", .restart = buskin::restart_type::temporary}, {.name = "clients"});
  const auto ada = co_await clients.start_child("Ada");
  co_await clients.start_child("Grace");
  co_await buskin::yield();
  co_await clients.terminate_child(ada);
  std::cout << clients.owner().count_children().active << " client\n";
}
// [/pool]

// [path]
buskin::task<void> missing_device() {
  buskin::child_spec gps{.id = "gps", .start_actor = []() -> caf::actor {
                           throw std::runtime_error("no such device");
                         }};
  buskin::supervisor top(
      {{.id = "devices",
        .start_supervisor = [=] { return buskin::supervisor({gps}, {.name = "devices"}); }}},
      {.name = "top"});
  const auto reason = co_await buskin::monitor(top.actor());
  for (const auto& line : buskin::reason_chain(reason)) std::cout << line << '\n';
}
// [/path]

buskin::task<int> co_main() {
  auto top = co_await start_tree();
  co_await change_children(top);
  co_await use_pool();
  co_await missing_device();
  top.stop();
  co_await buskin::monitor(top.actor());
  co_return 0;
}

int main() { return buskin::run(co_main()); }
