// A name looked up by hand: kept for a while, and then connected to.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;
namespace io = buskin::io;

buskin::task<void> greet(io::connection client) { co_await client.write("hello\n"); }

// [resolve]
buskin::task<io::connection> connect_to_first(std::string where) {
  const auto found = co_await io::resolve(io::host_port::parse(where), {.cache = 60s});
  co_return co_await io::connect(found.front().to_string());
}
// [/resolve]

buskin::task<void> co_main() {
  auto server = co_await io::serve("localhost:0", greet);
  auto link = co_await connect_to_first("localhost:" + std::to_string(server.port()));
  std::cout << co_await link.read_line();
  server.close();
}

int main() { buskin::run(co_main()); }
