// asyncio's UDP echo server and client, in one program.
#include <buskin/buskin.hpp>

#include <iostream>

using buskin::io::datagram;

// [server]
buskin::task<void> serve(datagram socket) {
  for (;;) {
    const auto [bytes, from] = co_await socket.receive();
    std::cout << "Received '" << bytes << "'\n";
    co_await socket.send_to(bytes, from);
  }
}

buskin::task<std::string> ask(buskin::io::address server, std::string question) {
  auto socket = co_await datagram::connect(server.to_string());
  co_await socket.send(question);
  co_return (co_await socket.receive()).bytes;
}
// [/server]

buskin::task<void> co_main() {
  auto socket = co_await datagram::bind("127.0.0.1:0");
  auto server = buskin::spawn(serve(socket), {"server"});
  std::cout << "Send: Hello World!\n";
  const auto answer = co_await ask(socket.local(), "Hello World!");
  std::cout << "Received: " << answer << '\n';
  server.cancel();
}

int main() { buskin::run(co_main()); }
