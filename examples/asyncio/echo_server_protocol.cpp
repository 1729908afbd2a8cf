// asyncio's TCP echo server in callbacks, and two clients of it.
#include <buskin/buskin.hpp>

#include <iostream>
#include <memory>

// [server]
struct echo_server_protocol : buskin::io::protocol {
  void connection_made(buskin::io::transport link) override {
    std::cout << "Connection from " << (link.info().peer ? "a socket" : "elsewhere") << '\n';
    transport = link;
  }
  void data_received(std::string_view bytes) override {
    std::cout << "Data received: '" << bytes << "'\n";
    transport.write(bytes);
    transport.close();
  }
  buskin::io::transport transport;
};

buskin::task<buskin::io::server> start() {
  return buskin::io::create_server("127.0.0.1:0",
                                   [] { return std::make_shared<echo_server_protocol>(); });
}
// [/server]

buskin::task<void> co_main() {
  const auto server = co_await start();
  for (const char* text : {"Hello World!", "Good bye!"}) {
    auto client = co_await buskin::io::connect(server.local().to_string());
    co_await client.write(text);
    const auto echoed = co_await client.read();
    const auto end = co_await client.read();
    std::cout << "Echoed: '" << echoed << "', then the end: '" << end << "'\n";
  }
  server.close();
}

int main() { buskin::run(co_main()); }
