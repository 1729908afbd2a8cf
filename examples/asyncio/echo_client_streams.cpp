// asyncio's TCP echo client using streams, with a server to talk to.
#include <buskin/buskin.hpp>

#include <iostream>

namespace io = buskin::io;

buskin::task<void> send_back(io::connection client) {
  co_await client.write(co_await client.read(100));
}

// [client]
buskin::task<void> tcp_echo_client(std::uint16_t port, std::string message) {
  auto stream = co_await io::open_connection("127.0.0.1", port);

  std::cout << "Send: '" << message << "'\n";
  co_await stream.write(message);

  const std::string data = co_await stream.read(100);
  std::cout << "Received: '" << data << "'\n";

  std::cout << "Close the connection\n";
  stream.close();
  co_await stream.wait_closed();
}
// [/client]

buskin::task<void> co_main() {
  auto server = co_await io::serve("127.0.0.1:0", send_back);
  co_await tcp_echo_client(server.port(), "Hello World!");
  server.close();
}

int main() { buskin::run(co_main()); }
