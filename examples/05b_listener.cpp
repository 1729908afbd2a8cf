// Accepting by hand at a Unix socket, and the orderly end of a server.
#include <buskin/buskin.hpp>

#include <unistd.h>

#include <iostream>
#include <string>

using namespace std::chrono_literals;
namespace io = buskin::io;

// [accept]
buskin::task<void> welcome(io::listener door) {
  for (int number = 1;; ++number) {
    auto client = co_await door.accept();
    const auto who = client.peer_credentials();
    co_await client.write("you are number " + std::to_string(number) +
                          (who.uid == ::getuid() ? ", one of us\n" : ", a stranger\n"));
  }
}
// [/accept]

buskin::task<void> knock(std::string where) {
  auto server = co_await io::connect(where);
  std::cout << co_await server.read_until("\n");
}

buskin::task<void> greet(io::connection client) {
  co_await buskin::sleep(20ms);
  co_await client.write("done\n");
}

buskin::task<int> co_main() {
  const std::string where = "unix:@buskin example " + std::to_string(::getpid());
  auto door = co_await io::listen(where);
  auto host = buskin::spawn(welcome(door), {"host"});
  for (int i = 0; i != 2; ++i) co_await knock(where);
  host.cancel();

  auto server = co_await io::serve("127.0.0.1:0", greet);
  auto client = buskin::spawn(knock(server.local().to_string()));
  while (server.connections() == 0) co_await buskin::sleep(1ms);
  // [drain]
  // No newcomers; who is there has ten seconds to finish, and is cancelled then.
  const auto cancelled = co_await server.drain(10s);
  // [/drain]
  co_await client;
  std::cout << cancelled << " clients had to be cancelled\n";
  co_return 0;
}

int main() { return buskin::run(co_main()); }
