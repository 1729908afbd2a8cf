// Two processes of this program: the kitchen publishes an oven, and a guest, which it starts,
// orders from it. On one host nothing has to be set up.
#include <buskin/buskin.hpp>

#include <caf/event_based_actor.hpp>

#include <chrono>
#include <iostream>
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
  const auto guest = co_await buskin::io::run_process({program, node.name()});
  std::cout << guest.out.value();
  node.close();
  co_return 0;
}
// [/publish]

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
  peer.close("it was good");
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return buskin::run(argc > 1 ? guest(argv[1]) : kitchen(argv[0]));
}
