// Echo: 50 connections, 64 bytes each way, on the loopback, in the clear and over TLS 1.3.
//
// The server is a process of its own, forked before there is any thread, and so has one core while
// the load has the other. Two measures of the same run: the time an echo takes with all connections
// busy, and the server's own processor time for one. The peer is a server of plain callbacks on one
// Asio io_context in one thread.
#include <support/certificate.hpp>
#include <support/comparison.hpp>

#include <buskin/io/create_server.hpp>
#include <buskin/io/protocol.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/io/stream_messages.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/ssl.hpp>
#include <asio/write.hpp>

#include <caf/event_based_actor.hpp>

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
const bench::certificate* certificate = nullptr;  // main's

// -- the servers: say their port on `tell` and serve until they are killed ------------------------

void tell_port(int tell, std::uint16_t port) {
  if (write(tell, &port, sizeof port) != sizeof port)
    throw std::system_error(errno, std::system_category(), "telling the port");
}

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

template <class Socket>
class raw_session : public std::enable_shared_from_this<raw_session<Socket>> {
 public:
  explicit raw_session(Socket socket) : socket_(std::move(socket)) {}
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
  std::array<char, buffer_size> bytes_;
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

template <class Start>
void serve_raw(int tell, Start start) {
  asio::io_context io(1);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  accept_next(acceptor, start);
  tell_port(tell, acceptor.local_endpoint().port());
  io.run();
}

void serve_raw_plain(int tell) {
  serve_raw(tell, [](tcp::socket socket) {
    std::make_shared<raw_session<tcp::socket>>(std::move(socket))->start();
  });
}

void serve_raw_tls(int tell) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  context.use_certificate_chain_file(certificate->chain());
  context.use_private_key_file(certificate->key(), asio::ssl::context::pem);
  serve_raw(tell, [&context](tcp::socket socket) {
    std::make_shared<raw_session<secure_socket>>(secure_socket(std::move(socket), context))
        ->start();
  });
}

buskin::task<void> echo(buskin::io::connection client) {
  std::array<char, buffer_size> bytes;
  while (const std::size_t count = co_await client.read_some(bytes))
    co_await client.write(std::string_view(bytes.data(), count));
}

/// A client as a protocol.
struct echo_protocol : buskin::io::protocol {
  void connection_made(buskin::io::transport made) override { link = std::move(made); }
  void data_received(std::string_view bytes) override { link.write(bytes); }
  buskin::io::transport link;
};

/// A client as messages to a CAF actor.
caf::behavior echo_actor(caf::event_based_actor* self, caf::actor client) {
  self->send(client, buskin::subscribe::value, std::uint32_t{64});
  return {[=](buskin::io::stream_received, std::string& bytes) {
            self->send(client, buskin::io::write_stream::value, std::move(bytes));
            self->send(client, buskin::io::more_reads::value, std::uint32_t{1});
          },
          [](buskin::io::stream_passive) {}, [=](buskin::io::stream_ended) { self->quit(); },
          [=](buskin::io::stream_failed, const caf::error&) { self->quit(); }};
}

caf::behavior acceptor(caf::event_based_actor* self) {
  return {[=](buskin::io::new_connection, const caf::actor& client, const std::string&) {
    self->spawn(echo_actor, client);
  }};
}

buskin::task<void> serve_until_killed(int tell, buskin::task<buskin::io::server> start) {
  const auto server = co_await std::move(start);
  tell_port(tell, server.port());
  co_await buskin::sleep(1h);  // the process is killed long before
}

buskin::task<buskin::io::server> start_messages() {
  return buskin::io::serve("127.0.0.1:0", buskin::runtime::current().system().spawn(acceptor));
}

void run_server(int tell, buskin::task<buskin::io::server> (*start)()) {
  auto main = [](int where, auto begin) -> buskin::task<void> {
    co_await serve_until_killed(where, begin());
  };
  buskin::runtime_options options;
  options.signals = buskin::signal_handling::none;
  buskin::run(main(tell, start), options);
}

void serve_ours_plain(int tell) {
  run_server(tell, [] { return buskin::io::serve("127.0.0.1:0", echo); });
}

void serve_ours_tls(int tell) {
  run_server(tell, [] {
    return buskin::io::serve(
        "127.0.0.1:0", echo,
        {.tls = buskin::io::tls_context::server(certificate->chain(), certificate->key())});
  });
}

void serve_ours_protocol(int tell) {
  run_server(tell, [] {
    return buskin::io::create_server("127.0.0.1:0",
                                     [] { return std::make_shared<echo_protocol>(); });
  });
}

void serve_ours_messages(int tell) { run_server(tell, start_messages); }

// -- the load -----------------------------------------------------------------------------------

template <class Socket>
class client : public std::enable_shared_from_this<client<Socket>> {
 public:
  client(Socket socket, std::uint16_t port, std::uint64_t& echoes)
      : socket_(std::move(socket)), echoes_(echoes) {
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

enum class wire { plain, tls };

bench::sample load(wire how, std::uint16_t port, pid_t server) {
  using steady = std::chrono::steady_clock;
  std::uint64_t echoes = 0;
  asio::io_context io(1);
  asio::ssl::context context(asio::ssl::context::tls_client);
  for (std::size_t i = 0; i != connections; ++i) {
    if (how == wire::tls)
      std::make_shared<client<secure_socket>>(secure_socket(io, context), port, echoes)->start();
    else
      std::make_shared<client<tcp::socket>>(tcp::socket(io), port, echoes)->start();
  }
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

bench::sample measure(wire how, void (*serve)(int)) {
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
  if (told) result = load(how, port, server);
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  if (!told) throw std::runtime_error("the server did not come up");
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::certificate made;
  certificate = &made;
  const std::vector<bench::measure> measures{{"time an echo", "ns"},
                                             {"processor time of the server an echo", "ns"}};
  bench::suite all("echo", argc, argv);
  all.add({"echo, 50 connections, 64 bytes",
           {{"buskin::io::serve, a coroutine a client",
             [] { return measure(wire::plain, serve_ours_plain); },
             {0.95, 0.95}},
            {"buskin::io::create_server, a protocol a client",
             [] { return measure(wire::plain, serve_ours_protocol); },
             {0.95, 0.95}},
            {"buskin::io::serve, a CAF actor a client",
             [] { return measure(wire::plain, serve_ours_messages); },
             {0.75, 0.75}}},
           {{"Asio, callbacks", [] { return measure(wire::plain, serve_raw_plain); }}},
           measures});
  all.add({"echo over TLS, 50 connections, 64 bytes",
           {{"buskin::io::serve, a coroutine a client",
             [] { return measure(wire::tls, serve_ours_tls); },
             {0.95, 0.95}}},
           {{"asio::ssl::stream, callbacks", [] { return measure(wire::tls, serve_raw_tls); }}},
           measures});
  return all.run();
}
