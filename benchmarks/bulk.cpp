// Much in one direction: a gigabyte that a server receives, and one that it sends, over one
// connection on the loopback; and what a pseudo terminal gives.
//
// The server is a process of its own. The other side is a thread-less program of plain system
// calls, the same for all, which hardly costs anything beside the kernel's work. Measured are the
// time of a megabyte and the server's processor time for it.
#include <support/comparison.hpp>
#include <support/echo.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace {

using asio::ip::tcp;

constexpr std::size_t chunk = 64 * 1024;
constexpr std::size_t megabyte = 1'000'000;
std::size_t megabytes = 1000;

std::string_view zeroes() {
  static const std::string bytes(chunk, '\0');
  return bytes;
}

// -- servers --------------------------------------------------------------------------------------

/// Reads all, then says so with one byte.
buskin::task<void> take_all(buskin::io::connection client) {
  std::array<char, chunk> bytes;
  while (co_await client.read_some(bytes) != 0) {
  }
  co_await client.write("!");
}

buskin::task<void> give_all(buskin::io::connection client) {
  for (std::size_t left = megabytes * megabyte; left != 0;) {
    const auto piece = zeroes().substr(0, left);
    co_await client.write(piece);
    left -= piece.size();
  }
}

struct raw_receiver : std::enable_shared_from_this<raw_receiver> {
  explicit raw_receiver(tcp::socket s) : socket(std::move(s)) {}
  void go() {
    socket.async_read_some(asio::buffer(bytes), [self = shared_from_this()](
                                                    const asio::error_code& failure, std::size_t) {
      if (!failure) return self->go();
      asio::async_write(self->socket, asio::buffer("!", 1),
                        [self](const asio::error_code&, std::size_t) {});
    });
  }
  tcp::socket socket;
  std::array<char, chunk> bytes;
};

struct raw_sender : std::enable_shared_from_this<raw_sender> {
  explicit raw_sender(tcp::socket s) : socket(std::move(s)) {}
  void go() {
    if (left == 0) return;
    const auto piece = zeroes().substr(0, left);
    left -= piece.size();
    asio::async_write(socket, asio::buffer(piece),
                      [self = shared_from_this()](const asio::error_code& failure, std::size_t) {
                        if (!failure) self->go();
                      });
  }
  tcp::socket socket;
  std::size_t left = megabytes * megabyte;
};

template <class Session>
bench::server raw() {
  return bench::forked([](int tell) {
    bench::serve_raw(
        tell, [](tcp::socket socket) { std::make_shared<Session>(std::move(socket))->go(); });
  });
}

// -- the other side -------------------------------------------------------------------------------

enum class direction { to_server, from_server };

bench::sample transfer(direction where, const bench::server_process& server) {
  asio::io_context io(1);
  tcp::socket socket(io);
  const double used_before = server.processor_time();
  const auto began = std::chrono::steady_clock::now();
  socket.connect({asio::ip::address_v4::loopback(), server.port()});
  std::array<char, chunk> bytes;
  std::size_t got = 0;
  if (where == direction::to_server) {
    for (std::size_t left = megabytes * megabyte; left != 0;)
      left -= asio::write(socket, asio::buffer(zeroes().substr(0, left)));
    socket.shutdown(tcp::socket::shutdown_send);
  }
  for (asio::error_code end; !end;) got += socket.read_some(asio::buffer(bytes), end);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
  if (got != (where == direction::to_server ? 1 : megabytes * megabyte))
    throw std::runtime_error("the bytes did not arrive");
  const double used = (server.processor_time() - used_before) / 1000;
  const auto count = static_cast<double>(megabytes);
  return {took.count() / count, used / count};
}

bench::contestant transferring(std::string name, bench::server who, direction where,
                               std::vector<double> targets = {}) {
  return {
      std::move(name),
      [who = std::move(who), where] {
        return who([&](const bench::server_process& server) { return transfer(where, server); });
      },
      std::move(targets)};
}

}  // namespace

int main(int argc, char** argv) {
  // The size is this program's own option.
  if (argc > 2 && std::string_view(argv[1]) == "--megabytes") {
    megabytes = std::max<std::size_t>(1, std::strtoul(argv[2], nullptr, 10));
    argv[2] = argv[0];
    argc -= 2;
    argv += 2;
  }
  const std::vector<bench::measure> measures{{"time of a megabyte", "us"},
                                             {"processor time of the server a megabyte", "us"}};
  bench::suite all("bulk", argc, argv);
  all.add({"a server that receives " + std::to_string(megabytes) + " MB",
           {transferring("buskin::io::connection::read_some", bench::serving(take_all),
                         direction::to_server, {0.95, 0.95})},
           {transferring("Asio, callbacks", raw<raw_receiver>(), direction::to_server)},
           measures});
  all.add({"a server that sends " + std::to_string(megabytes) + " MB",
           {transferring("buskin::io::connection::write", bench::serving(give_all),
                         direction::from_server, {0.95, 0.95})},
           {transferring("Asio, callbacks", raw<raw_sender>(), direction::from_server)},
           measures});
  return all.run();
}
