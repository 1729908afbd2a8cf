// asyncio's TCP echo client in callbacks; the server is a coroutine.
#include <buskin/buskin.hpp>

#include <iostream>
#include <memory>
#include <utility>

// [client]
struct echo_client_protocol : buskin::io::protocol {
  echo_client_protocol(std::string text, buskin::promise<void> end)
      : message(std::move(text)), on_con_lost(std::move(end)) {}

  void connection_made(buskin::io::transport link) override {
    link.write(message);
    std::cout << "Data sent: '" << message << "'\n";
  }
  void data_received(std::string_view bytes) override {
    std::cout << "Data received: '" << bytes << "'\n";
  }
  void connection_lost(std::exception_ptr) override {
    std::cout << "The server closed the connection\n";
    on_con_lost.set_value();
  }

  std::string message;
  buskin::promise<void> on_con_lost;
};

buskin::task<void> talk_to(std::string server) {
  buskin::promise<void> lost;
  auto ended = lost.get_future();
  co_await buskin::io::create_connection(server, [&lost] {
    return std::make_shared<echo_client_protocol>("Hello World!", std::move(lost));
  });
  co_await ended;
}
// [/client]

buskin::task<void> echo_once(buskin::io::connection client) {
  co_await client.write(co_await client.read());
}

buskin::task<void> co_main() {
  const auto server = co_await buskin::io::serve("127.0.0.1:0", echo_once);
  co_await talk_to(server.local().to_string());
  server.close();
}

int main() { buskin::run(co_main()); }
