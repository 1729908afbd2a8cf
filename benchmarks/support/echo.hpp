// Echo servers of Asio's callbacks and of ours, and the load that they answer.
#pragma once

#include <support/comparison.hpp>
#include <support/server_process.hpp>

#include <buskin/io/serve.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/ssl.hpp>
#include <asio/write.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace bench {

using asio::ip::tcp;
using secure_socket = asio::ssl::stream<tcp::socket>;

/// What TLS needs before the first byte, and nothing without.
template <class F>
void shake_hands(tcp::socket&, asio::ssl::stream_base::handshake_type, F then) {
  then(asio::error_code());
}
template <class F>
void shake_hands(secure_socket& socket, asio::ssl::stream_base::handshake_type side, F then) {
  socket.async_handshake(side, std::move(then));
}

// -- Asio's server --------------------------------------------------------------------------------

template <class Socket>
class raw_session : public std::enable_shared_from_this<raw_session<Socket>> {
 public:
  raw_session(Socket socket, std::size_t buffer) : socket_(std::move(socket)), bytes_(buffer, 0) {}
  void start() {
    shake_hands(socket_, asio::ssl::stream_base::server,
                [self = this->shared_from_this()](const asio::error_code& failure) {
                  if (!failure) self->go();
                });
  }

 private:
  void go() {
    socket_.async_read_some(
        asio::buffer(bytes_),
        [self = this->shared_from_this()](const asio::error_code& failure, std::size_t count) {
          if (!failure) self->answer(count);
        });
  }
  void answer(std::size_t count) {
    asio::async_write(
        socket_, asio::buffer(bytes_, count),
        [self = this->shared_from_this()](const asio::error_code& failure, std::size_t) {
          if (!failure) self->go();
        });
  }
  Socket socket_;
  std::string bytes_;
};

template <class Start>
void accept_next(tcp::acceptor& acceptor, Start start) {
  acceptor.async_accept([&acceptor, start](const asio::error_code& failure, tcp::socket socket) {
    if (failure) return;
    socket.set_option(tcp::no_delay(true));
    start(std::move(socket));
    accept_next(acceptor, start);
  });
}

/// Calls `start(socket)` for each client, on one io_context in one thread.
template <class Start>
void serve_raw(int tell, Start start) {
  asio::io_context io(1);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  acceptor.listen(4096);
  accept_next(acceptor, start);
  server_process::tell_port(tell, acceptor.local_endpoint().port());
  io.run();
}

inline server raw_echo(std::size_t buffer) {
  return forked([buffer](int tell) {
    serve_raw(tell, [buffer](tcp::socket socket) {
      std::make_shared<raw_session<tcp::socket>>(std::move(socket), buffer)->start();
    });
  });
}

inline server raw_echo_tls(std::string chain, std::string key, std::size_t buffer) {
  return forked([=](int tell) {
    asio::ssl::context context(asio::ssl::context::tls_server);
    context.use_certificate_chain_file(chain);
    context.use_private_key_file(key, asio::ssl::context::pem);
    serve_raw(tell, [&context, buffer](tcp::socket socket) {
      std::make_shared<raw_session<secure_socket>>(secure_socket(std::move(socket), context),
                                                   buffer)
          ->start();
    });
  });
}

// -- ours -----------------------------------------------------------------------------------------

inline buskin::task<void> serve_until_killed(
    int tell, std::function<buskin::task<buskin::io::server>()> start) {
  const auto server = co_await start();
  server_process::tell_port(tell, server.port());
  co_await buskin::sleep(std::chrono::hours(1));  // the process is killed long before
}

/// A server that `start` starts, on a cooperative runtime.
inline server ours(std::function<buskin::task<buskin::io::server>()> start) {
  return forked([start = std::move(start)](int tell) {
    buskin::runtime_options options;
    options.signals = buskin::signal_handling::none;
    buskin::run(serve_until_killed(tell, start), options);
  });
}

/// One with a coroutine a client.
inline server serving(
    std::function<buskin::task<void>(buskin::io::connection)> handler,
    std::function<buskin::io::serve_options()> how = [] {
      return buskin::io::serve_options{.backlog = 4096};
    }) {
  return ours([=] { return buskin::io::serve("127.0.0.1:0", handler, how()); });
}

inline buskin::task<void> echo(buskin::io::connection client, std::size_t buffer) {
  std::string bytes(buffer, 0);  // as the peer has it
  while (const std::size_t count = co_await client.read_some(bytes))
    co_await client.write(std::string_view(bytes.data(), count));
}

inline auto echo_with(std::size_t buffer) {
  return [buffer](buskin::io::connection client) { return echo(std::move(client), buffer); };
}

// -- the load -------------------------------------------------------------------------------------

struct echo_load {
  std::size_t connections = 50;
  std::size_t size = 64;  ///< of a message, in bytes
  bool tls = false;
  std::chrono::milliseconds window{800};
};

template <class Socket>
class echo_client : public std::enable_shared_from_this<echo_client<Socket>> {
 public:
  echo_client(Socket socket, std::uint16_t port, std::size_t size, std::uint64_t& echoes)
      : socket_(std::move(socket)), bytes_(size, 'x'), echoes_(echoes) {
    socket_.lowest_layer().connect({asio::ip::address_v4::loopback(), port});
    socket_.lowest_layer().set_option(tcp::no_delay(true));
  }
  void start() {
    shake_hands(socket_, asio::ssl::stream_base::client,
                [self = this->shared_from_this()](const asio::error_code& failure) {
                  if (!failure) self->go();
                });
  }

 private:
  void go() {
    asio::async_write(
        socket_, asio::buffer(bytes_),
        [self = this->shared_from_this()](const asio::error_code& failure, std::size_t) {
          if (!failure) self->await_echo();
        });
  }
  void await_echo() {
    asio::async_read(
        socket_, asio::buffer(bytes_),
        [self = this->shared_from_this()](const asio::error_code& failure, std::size_t) {
          if (failure) return;
          ++self->echoes_;
          self->go();
        });
  }
  Socket socket_;
  std::string bytes_;
  std::uint64_t& echoes_;
};

/// With all connections busy: the time an echo takes, and the server's processor time for one.
inline sample measure_echo(const echo_load& how, const server_process& server) {
  using steady = std::chrono::steady_clock;
  std::uint64_t echoes = 0;
  asio::io_context io(1);
  asio::ssl::context context(asio::ssl::context::tls_client);
  for (std::size_t i = 0; i != how.connections; ++i) {
    if (how.tls)
      std::make_shared<echo_client<secure_socket>>(secure_socket(io, context), server.port(),
                                                   how.size, echoes)
          ->start();
    else
      std::make_shared<echo_client<tcp::socket>>(tcp::socket(io), server.port(), how.size, echoes)
          ->start();
  }
  io.run_for(how.window / 4);  // warm up
  const auto echoes_before = echoes;
  const double used_before = server.processor_time();
  const auto began = steady::now();
  io.run_for(how.window);
  const std::chrono::duration<double, std::nano> took = steady::now() - began;
  const double used = server.processor_time() - used_before;
  const auto count = static_cast<double>(echoes - echoes_before);
  return {took.count() / count, used / count};
}

inline contestant echoing(std::string name, server who, echo_load how,
                          std::vector<double> targets = {}) {
  return {std::move(name),
          [who = std::move(who), how] {
            return who([&](const server_process& server) { return measure_echo(how, server); });
          },
          std::move(targets)};
}

}  // namespace bench
