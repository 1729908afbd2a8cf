// Many connections: how fast they come and go, and what one weighs that does nothing.
//
// Coming and going is connect, echo 64 bytes, close, ten at a time: once with a server under test
// and Asio as the client, once the other way round. The weight is what 10 000 clients that have had
// an echo each and wait add to the server's own memory; the kernel's part of a socket is not in it.
#include <support/comparison.hpp>
#include <support/echo.hpp>
#include <support/peer_program.hpp>

#include <buskin/actors/task_group.hpp>
#include <buskin/io/connection.hpp>

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace {

using asio::ip::tcp;
using steady = std::chrono::steady_clock;

constexpr std::size_t at_a_time = 10;
constexpr std::size_t visits = 10'000;
constexpr std::size_t idle = 10'000;
constexpr std::size_t buffer = 4096;
const std::string message(64, 'x');

// -- coming and going -----------------------------------------------------------------------------

/// One of the ten, with Asio's callbacks.
class raw_visitor : public std::enable_shared_from_this<raw_visitor> {
 public:
  raw_visitor(asio::io_context& io, std::uint16_t port, std::size_t& left)
      : io_(io), port_(port), left_(left) {}
  void go() {
    if (left_ == 0) return;
    --left_;
    socket_ = std::make_unique<tcp::socket>(io_);
    socket_->async_connect({asio::ip::address_v4::loopback(), port_},
                           [self = shared_from_this()](const asio::error_code& failure) {
                             if (failure) throw asio::system_error(failure, "connect");
                             self->ask();
                           });
  }

 private:
  void ask() {
    socket_->set_option(tcp::no_delay(true));
    asio::async_write(*socket_, asio::buffer(message),
                      [self = shared_from_this()](const asio::error_code& failure, std::size_t) {
                        if (failure) throw asio::system_error(failure, "write");
                        self->listen();
                      });
  }
  void listen() {
    asio::async_read(*socket_, asio::buffer(bytes_),
                     [self = shared_from_this()](const asio::error_code& failure, std::size_t) {
                       if (failure) throw asio::system_error(failure, "read");
                       self->socket_->close();
                       self->go();
                     });
  }
  asio::io_context& io_;
  const std::uint16_t port_;
  std::size_t& left_;
  std::unique_ptr<tcp::socket> socket_;
  std::array<char, 64> bytes_;
};

void visit_with_asio(std::uint16_t port) {
  asio::io_context io(1);
  std::size_t left = visits;
  for (std::size_t i = 0; i != at_a_time; ++i) std::make_shared<raw_visitor>(io, port, left)->go();
  io.run();
}

buskin::task<void> visit(std::string where, std::size_t& left) {
  std::array<char, 64> bytes;
  while (left != 0) {
    --left;
    const auto server = co_await buskin::io::connect(where);
    co_await server.write(message);
    for (std::size_t got = 0; got != message.size();)
      got += co_await server.read_some(std::span(bytes).subspan(got));
  }
}

buskin::task<void> visit_all(std::string where) {
  std::size_t left = visits;
  co_await buskin::task_group().run([&](buskin::task_group& group) -> buskin::task<void> {
    for (std::size_t i = 0; i != at_a_time; ++i) group.spawn(visit(where, left));
    co_return;
  });
}

void visit_with_ours(std::uint16_t port) {
  buskin::runtime_options options;
  options.signals = buskin::signal_handling::none;
  buskin::run(visit_all("127.0.0.1:" + std::to_string(port)), options);
}

bench::contestant visiting(std::string name, bench::server who, void (*visitor)(std::uint16_t),
                           std::vector<double> targets = {}) {
  return {std::move(name),
          [who = std::move(who), visitor] {
            return who([&](const bench::server_process& server) {
              const auto began = steady::now();
              visitor(server.port());
              const std::chrono::duration<double, std::micro> took = steady::now() - began;
              return bench::sample{took.count() / static_cast<double>(visits)};
            });
          },
          std::move(targets)};
}

// -- doing nothing --------------------------------------------------------------------------------

buskin::task<void> echo_strings(buskin::io::connection client) {
  for (;;) {
    const std::string bytes = co_await client.read();
    if (bytes.empty()) co_return;
    co_await client.write(bytes);
  }
}

bench::sample weigh(const bench::server_process& server) {
  asio::io_context io(1);
  std::vector<tcp::socket> clients;
  std::array<char, 64> bytes;
  const auto greet = [&](std::size_t count) {
    for (std::size_t i = 0; i != count; ++i) {
      auto& client = clients.emplace_back(io);
      client.connect({asio::ip::address_v4::loopback(), server.port()});
      asio::write(client, asio::buffer(message));
      asio::read(client, asio::buffer(bytes));
    }
  };
  greet(idle / 100);  // what is there once
  const double before = server.memory();
  greet(idle - idle / 100);
  return {(server.memory() - before) / static_cast<double>(idle - idle / 100)};
}

bench::contestant weighing(std::string name, bench::server who, std::vector<double> targets = {}) {
  return {std::move(name), [who = std::move(who)] { return who(weigh); }, std::move(targets)};
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite all("connections", argc, argv);
  const auto our_server = bench::serving(bench::echo_with(buffer));
  const auto raw_server = bench::raw_echo(buffer);
  const std::string how = "buskin::io::serve, a coroutine a client";
  const std::vector<bench::measure> time{{"", "us"}};
  all.add({"connect, echo, close: the server",
           {visiting(how, our_server, visit_with_asio, {0.85})},
           {visiting("Asio, callbacks", raw_server, visit_with_asio)},
           time});
  all.add({"connect, echo, close: the client",
           {visiting("buskin::io::connect", raw_server, visit_with_ours, {0.85})},
           {visiting("Asio, callbacks", raw_server, visit_with_asio)},
           time});
  const std::vector<bench::measure> weight{{"", "bytes"}};
  std::vector<bench::contestant> peers;
  if (const auto words = bench::peer_program::python_echo("asyncio"))
    peers.push_back(weighing("asyncio, streams", bench::program(*words)));
  all.add({"a connection that waits, of 10 000",
           {weighing(how, bench::serving(echo_strings), {2})},
           std::move(peers),
           weight});
  return all.run();
}
