// Two processes of this program: the kitchen publishes an oven and a queue of orders, and a guest,
// which it starts, uses both. On one host nothing has to be set up.
#include <buskin/buskin.hpp>

#include <caf/event_based_actor.hpp>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>

namespace {

using namespace std::chrono_literals;
using bake = caf::atom_constant<caf::atom("bake")>;

caf::behavior oven(caf::event_based_actor*) {
  return {[](bake, const std::string& what) { return "warm " + what; }};
}

// [publish]
buskin::task<int> kitchen(std::string program) {
  const auto node =
      co_await buskin::node::listen({.name = "kitchen-" + std::to_string(::getpid())});
  node.publish("oven", buskin::runtime::current().system().spawn(oven));
  // [offer]
  node.offer("wash", [](std::string what) -> buskin::task<void> {
    if (what == "glass") throw std::runtime_error("it broke");
    std::cout << "washed the " << what << '\n';
    co_return;
  });
  // [/offer]
  const buskin::queue<std::string> orders;
  node.publish("orders", orders);
  const auto guest = co_await buskin::io::run_process({program, node.name()});
  std::cout << guest.out.value();
  // [/publish]
  // [orders]
  orders.shutdown();
  try {
    for (;;) std::cout << "ordered: " << co_await orders.get() << '\n';
  } catch (const buskin::queue_shutdown&) {
  }
  // [/orders]
  node.close();
  co_return 0;
}

// [lookup]
buskin::task<int> guest(std::string whose) {
  const auto node = buskin::node::without_address({.name = "guest"});
  const auto peer = co_await node.connect(whose);
  const auto its_oven = co_await peer.lookup("oven");
  std::cout << co_await buskin::ask<std::string>(its_oven, 5s, bake::value, "bread") << '\n';
  // [/lookup]
  // [remote]
  const buskin::io::remote oven(node, whose, "oven");
  std::cout << co_await oven.ask<std::string>({.limit = 5s, .down = buskin::io::when_down::retry},
                                              bake::value, "cake")
            << '\n';
  // [/remote]
  // [queue]
  const auto orders = co_await peer.lookup<buskin::queue<std::string>>("orders");
  for (const char* what : {"soup", "fish"}) co_await orders.put(what);
  // [/queue]
  // [run_at]
  const buskin::io::placement kitchens({whose});
  co_await buskin::io::run_at(node, kitchens, "wash", std::string("plate"));
  try {
    co_await buskin::io::run_at(node, kitchens, "wash", std::string("glass"));
  } catch (const buskin::remote_error& error) {
    std::cout << "the glass: " << error.what() << '\n';
  }
  // [/run_at]
  peer.close("it was good");
  co_return 0;
}

// [tls]
buskin::task<buskin::node> kitchen_for_other_hosts(std::filesystem::path certs) {
  co_return co_await buskin::node::listen(
      {.name = "kitchen",
       .address = "0.0.0.0:7000",
       .tls = buskin::io::node_tls{.authority = certs / "authority.pem",
                                   .certificate = certs / "kitchen.pem",
                                   .key = certs / "kitchen.key"}});
}
// [/tls]

buskin::task<int> listen_for_other_hosts(std::filesystem::path certs) {
  const auto node = co_await kitchen_for_other_hosts(certs);
  std::cout << "listening at " << node.address() << '\n';
  co_await buskin::sleep(buskin::infinite);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--certificates")
    return buskin::run(listen_for_other_hosts(argv[2]));
  return buskin::run(argc > 1 ? guest(argv[1]) : kitchen(argv[0]));
}
