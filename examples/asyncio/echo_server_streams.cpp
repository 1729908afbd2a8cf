// asyncio's TCP echo server using streams, with a client that talks to it.
#include <buskin/buskin.hpp>

#include <iostream>

namespace io = buskin::io;

// [server]
buskin::task<void> handle_echo(io::connection client) {
  const std::string message = co_await client.read(100);
  std::cout << "Received '" << message << "'\n";

  std::cout << "Send: '" << message << "'\n";
  co_await client.write(message);  // waits when the client is slow

  std::cout << "Close the connection\n";
  client.close();
  co_await client.wait_closed();
}
// [/server]

buskin::task<void> co_main() {
  auto server = co_await io::serve("127.0.0.1:0", handle_echo);
  auto client = co_await io::connect(server.local().to_string());
  co_await client.write("Hello World!");
  client.write_eof();
  const std::string answer = co_await client.read_all();
  std::cout << "The client got '" << answer << "'\n";
  server.close();
}

int main() { buskin::run(co_main()); }
