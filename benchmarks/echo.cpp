// Echo: 50 connections, 64 bytes each way, on the loopback.
//
// The server is a process of its own, forked before there is any thread, and so has one core while
// the load has the other. Two measures of the same run: the time an echo takes with all connections
// busy, and the server's own processor time for one. The peer is a server of plain callbacks on one
// Asio io_context in one thread.
#include <support/comparison.hpp>

#include <buskin/io/serve.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr std::size_t connections = 50;
constexpr std::size_t message_size = 64;
constexpr std::size_t buffer_size = 4096;
constexpr auto warm_up = 200ms;
constexpr auto window = 800ms;

// -- the servers: say their port on `tell` and serve until they are killed ------------------------

void tell_port(int tell, std::uint16_t port) {
  if (write(tell, &port, sizeof port) != sizeof port)
    throw std::system_error(errno, std::system_category(), "telling the port");
}

class raw_session : public std::enable_shared_from_this<raw_session> {
 public:
  explicit raw_session(tcp::socket socket) : socket_(std::move(socket)) {}
  void go() {
    socket_.async_read_some(
        asio::buffer(bytes_),
        [self = shared_from_this()](const asio::error_code& failure, std::size_t count) {
          if (!failure) self->answer(count);
        });
  }

 private:
  void answer(std::size_t count) {
    asio::async_write(socket_, asio::buffer(bytes_, count),
                      [self = shared_from_this()](const asio::error_code& failure, std::size_t) {
                        if (!failure) self->go();
                      });
  }
  tcp::socket socket_;
  std::array<char, buffer_size> bytes_;
};

void accept_next(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](const asio::error_code& failure, tcp::socket socket) {
    if (failure) return;
    socket.set_option(tcp::no_delay(true));
    std::make_shared<raw_session>(std::move(socket))->go();
    accept_next(acceptor);
  });
}

void serve_raw(int tell) {
  asio::io_context io(1);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  accept_next(acceptor);
  tell_port(tell, acceptor.local_endpoint().port());
  io.run();
}

buskin::task<void> echo(buskin::io::connection client) {
  std::array<char, buffer_size> bytes;
  while (const std::size_t count = co_await client.read_some(bytes))
    co_await client.write(std::string_view(bytes.data(), count));
}

buskin::task<void> serve_echo(int tell) {
  const auto server = co_await buskin::io::serve("127.0.0.1:0", echo);
  tell_port(tell, server.port());
  co_await buskin::sleep(1h);  // the process is killed long before
}

void serve_ours(int tell) {
  buskin::runtime_options options;
  options.signals = buskin::signal_handling::none;
  buskin::run(serve_echo(tell), options);
}

// -- the load -----------------------------------------------------------------------------------

class client : public std::enable_shared_from_this<client> {
 public:
  client(asio::io_context& io, std::uint16_t port, std::uint64_t& echoes)
      : socket_(io), echoes_(echoes) {
    socket_.connect({asio::ip::address_v4::loopback(), port});
    socket_.set_option(tcp::no_delay(true));
  }
  void go() {
    asio::async_write(socket_, asio::buffer(bytes_),
                      [self = shared_from_this()](const asio::error_code& failure, std::size_t) {
                        if (!failure) self->await_echo();
                      });
  }

 private:
  void await_echo() {
    asio::async_read(socket_, asio::buffer(bytes_),
                     [self = shared_from_this()](const asio::error_code& failure, std::size_t) {
                       if (failure) return;
                       ++self->echoes_;
                       self->go();
                     });
  }
  tcp::socket socket_;
  std::array<char, message_size> bytes_{};
  std::uint64_t& echoes_;
};

double processor_seconds(pid_t process) {
  clockid_t clock;
  timespec used{};
  if (const int failure = clock_getcpuclockid(process, &clock); failure != 0)
    throw std::system_error(failure, std::system_category(), "the server's processor time");
  clock_gettime(clock, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

bench::sample load(std::uint16_t port, pid_t server) {
  using steady = std::chrono::steady_clock;
  std::uint64_t echoes = 0;
  asio::io_context io(1);
  for (std::size_t i = 0; i != connections; ++i) std::make_shared<client>(io, port, echoes)->go();
  io.run_for(warm_up);
  const auto echoes_before = echoes;
  const double used_before = processor_seconds(server);
  const auto began = steady::now();
  io.run_for(window);
  const std::chrono::duration<double, std::nano> took = steady::now() - began;
  const double used = (processor_seconds(server) - used_before) * 1e9;
  const auto count = static_cast<double>(echoes - echoes_before);
  return {took.count() / count, used / count};
}

bench::sample measure(void (*serve)(int)) {
  int ends[2];
  if (pipe(ends) != 0) throw std::system_error(errno, std::system_category(), "pipe");
  const pid_t server = fork();
  if (server < 0) throw std::system_error(errno, std::system_category(), "fork");
  if (server == 0) {
    close(ends[0]);
    serve(ends[1]);
    _exit(0);
  }
  close(ends[1]);
  std::uint16_t port = 0;
  const bool told = read(ends[0], &port, sizeof port) == sizeof port;
  close(ends[0]);
  bench::sample result;
  if (told) result = load(port, server);
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  if (!told) throw std::runtime_error("the server did not come up");
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite all("echo", argc, argv);
  all.add({"echo, 50 connections, 64 bytes",
           {{"buskin::io::serve, a coroutine a client",
             [] { return measure(serve_ours); },
             {0.95, 0.95}}},
           {{"Asio, callbacks", [] { return measure(serve_raw); }}},
           {{"time an echo", "ns"}, {"processor time of the server an echo", "ns"}}});
  return all.run();
}
