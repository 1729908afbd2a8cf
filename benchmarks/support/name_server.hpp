// The name server of Erlang's nodes, epmd, on a port of its own: it ends with its owner, and
// neither needs nor disturbs one that the host may have.
#pragma once

#include <support/server_process.hpp>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>

namespace bench {

class name_server {
 public:
  /// Returns when it answers.
  name_server() : process_(listen_on_free_port) {
    for (int attempt = 0; attempt != 500; ++attempt) {
      if (answers(process_.port())) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    throw std::runtime_error("epmd, the name server of Erlang's nodes, did not come up");
  }

  std::uint16_t port() const noexcept { return process_.port(); }

 private:
  using tcp = asio::ip::tcp;

  static tcp::endpoint loopback(std::uint16_t port) {
    return {asio::ip::address_v4::loopback(), port};
  }

  /// To the request for all names, which is a length of two bytes and an n.
  static bool answers(std::uint16_t port) {
    asio::io_context context;
    tcp::socket client(context);
    asio::error_code failure;
    client.connect(loopback(port), failure);
    if (failure) return false;
    asio::write(client, asio::buffer("\0\1n", 3), failure);
    std::string answer;
    asio::read(client, asio::dynamic_buffer(answer), failure);
    return !answer.empty();
  }

  static void listen_on_free_port(int tell) {
    std::uint16_t port = 0;
    {
      asio::io_context context;
      port = tcp::acceptor(context, loopback(0)).local_endpoint().port();
    }
    server_process::tell_port(tell, port);
    const auto number = std::to_string(port);
    execlp("epmd", "epmd", "-port", number.c_str(), "-address", "127.0.0.1", nullptr);
  }

  server_process process_;
};

}  // namespace bench
