// As many clients as a busy server has: a server in a process of its own, on one worker, and ten
// thousand plain sockets that stay connected.
#include <buskin/io/serve.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <boost/test/unit_test.hpp>

#include <support/child_process.hpp>

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using buskin::task;
using buskin::io::connection;
using buskin::test::child_process;

constexpr std::size_t clients = 10'000;
constexpr rlim_t descriptors = clients + 200;

/// The soft limit goes up as far as the test needs. False when the hard one forbids that.
bool may_open_enough() {
  rlimit limit{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_max < descriptors) return false;
  limit.rlim_cur = std::max(limit.rlim_cur, descriptors);
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

task<void> echo(connection client) {
  for (;;) {
    const std::string bytes = co_await client.read();
    if (bytes.empty()) co_return;
    co_await client.write(bytes);
  }
}

/// A connected socket that gives up after a while.
class plain_client {
 public:
  explicit plain_client(std::uint16_t port)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(port);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
  }
  ~plain_client() { ::close(socket_); }
  plain_client(plain_client&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), connected_(other.connected_) {}
  plain_client& operator=(plain_client&&) = delete;

  bool connected() const noexcept { return connected_; }
  bool send(std::string_view bytes) const {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  std::string receive(std::size_t size) const {
    std::string bytes(size, '\0');
    const ssize_t got = ::recv(socket_, bytes.data(), size, MSG_WAITALL);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }

 private:
  int socket_;
  bool connected_ = false;
};

std::string greeting(std::size_t number) {
  std::string text = "client " + std::to_string(number);
  text.resize(16, '.');
  return text;
}

/// Says its port through `tell`, and ends well when all clients were there at once and have gone.
int serve_them(int tell) {
  auto main = [&]() -> task<int> {
    const auto server = co_await buskin::io::serve("127.0.0.1:0", echo);
    const std::uint16_t port = server.port();
    if (::write(tell, &port, sizeof port) != sizeof port) co_return 1;
    while (server.connections() < clients) co_await buskin::sleep(5ms);
    while (server.connections() != 0) co_await buskin::sleep(5ms);
    co_return 0;
  };
  return buskin::run(main());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(many_connections_)

BOOST_AUTO_TEST_CASE(ten_thousand_connections_are_held_and_echoed_on_one_worker) {
  if (!may_open_enough()) {
    BOOST_TEST_MESSAGE("SKIPPED: the hard limit of descriptors (ulimit -Hn) is below "
                       << descriptors);
    return;
  }
  int ends[2];
  BOOST_REQUIRE(::pipe(ends) == 0);
  child_process server([&](auto) { return serve_them(ends[1]); });
  std::uint16_t port = 0;
  BOOST_REQUIRE(::read(ends[0], &port, sizeof port) == sizeof port);

  std::vector<plain_client> all;
  all.reserve(clients);
  std::size_t connected = 0;
  for (std::size_t i = 0; i != clients; ++i)
    if (all.emplace_back(port).connected()) ++connected;
  BOOST_TEST_REQUIRE(connected == clients);
  // All have something under way at once; and once more, the last first.
  std::size_t echoed = 0;
  for (std::size_t i = 0; i != clients; ++i) BOOST_REQUIRE(all[i].send(greeting(i)));
  for (std::size_t i = 0; i != clients; ++i)
    if (all[i].receive(greeting(i).size()) == greeting(i)) ++echoed;
  for (std::size_t i = clients; i-- != 0;) BOOST_REQUIRE(all[i].send(greeting(i + 1)));
  for (std::size_t i = 0; i != clients; ++i)
    if (all[i].receive(greeting(i + 1).size()) == greeting(i + 1)) ++echoed;
  BOOST_TEST(echoed == 2 * clients);

  all.clear();
  BOOST_TEST(server.wait() == 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

BOOST_AUTO_TEST_SUITE_END()
