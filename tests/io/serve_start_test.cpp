// How servers begin: started later, at sockets that are there, with options; and how clients get
// in.
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/listener.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/echo_server.hpp"
#include "io/live_stage.hpp"

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::ask;
using buskin::test::check_refused;
using buskin::test::echo;
using buskin::test::live_stage;
using buskin::test::no_descriptor_leak;
using buskin::test::until;

task<void> serve_forever(io::server which) { co_await which.serve_forever(); }

BOOST_AUTO_TEST_SUITE(serve_start_)

// -- starting -----------------------------------------------------------------------------------

// covers SRV-001
BOOST_AUTO_TEST_CASE(
    a_server_that_was_not_started_serves_nobody_until_it_is_and_not_after_its_end) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", echo, {.start = false});
    const auto where = server.local().to_string();
    BOOST_TEST(server.port() != 0);
    BOOST_TEST(!server.serving());
    co_await check_refused(where);

    auto forever = spawn(serve_forever(server));
    co_await until([&] { return server.serving(); }, "the server to be started");
    auto client = co_await io::connect(where);
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    BOOST_TEST(!forever.done());

    forever.cancel();
    BOOST_CHECK_THROW(co_await forever, cancelled);
    BOOST_TEST(!server.serving());
    BOOST_TEST(server.closed());
    co_await check_refused(where);
    BOOST_CHECK_THROW(co_await server.start(), invalid_state);
    BOOST_TEST(co_await ask(client, "still here") == "still here");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(serving_for_ever_ends_when_somebody_closes_and_starting_twice_is_once) {
  live_stage s(runtime_options{.workers = 2});
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", echo);
    BOOST_TEST(server.serving());
    co_await server.start();
    auto forever = spawn(serve_forever(server));
    auto client = co_await io::connect(server.local().to_string());
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    server.close();
    co_await forever;
    BOOST_TEST(server.closed());
  };
  s.run(main());
}

// -- who is let in, and how many at a time ------------------------------------------------------

/// Clients that are the system's only: they wait in the queue until they are accepted.
class raw_clients {
 public:
  raw_clients(const io::address& where, int count) {
    for (int i = 0; i != count; ++i) {
      sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      BOOST_REQUIRE(::connect(sockets_.back(), where.data(), where.size()) == 0);
    }
  }
  ~raw_clients() {
    for (const int each : sockets_) ::close(each);
  }
  raw_clients(const raw_clients&) = delete;
  raw_clients& operator=(const raw_clients&) = delete;
  /// Closes one so that the other end sees a reset.
  void reset(std::size_t which) {
    const linger at_once{1, 0};
    ::setsockopt(sockets_[which], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(std::exchange(sockets_[which], -1));
  }

 private:
  std::vector<int> sockets_;
};

BOOST_AUTO_TEST_CASE(one_event_lets_many_clients_in_and_others_have_their_turn) {  // covers SEL-005
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", echo);
    co_await yield();
    raw_clients crowd(server.local(), 300);
    std::size_t most = 0;
    for (std::size_t before = 0; before != 300;) {
      co_await yield();
      most = std::max(most, server.connections() - before);
      before = server.connections();
    }
    BOOST_TEST(most > 1U);
    BOOST_TEST(most <= 64U);
    server.close();
    server.abort_clients();
    co_await server.wait_closed();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_client_that_went_away_before_it_was_let_in_is_skipped) {  // covers SEL-006
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", echo);
    raw_clients gone(server.local(), 3);
    for (std::size_t i = 0; i != 3; ++i) gone.reset(i);
    auto client = co_await io::connect(server.local().to_string());
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    co_await until([&] { return server.connections() == 1; }, "those who went to be forgotten");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(with_a_limit_the_next_client_is_let_in_as_soon_as_one_has_gone) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", echo, {.max_connections = 1});
    const auto where = server.local().to_string();
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i != 20; ++i) {
      auto first = co_await io::connect(where);
      auto second = co_await io::connect(where);
      BOOST_TEST(co_await ask(first, "one") == "one");
      first.close();
      BOOST_TEST(co_await ask(second, "two") == "two");
      BOOST_TEST(server.connections() == 1U);
    }
    // Without looking again every now and then, which would take 100 ms each time.
    BOOST_CHECK(std::chrono::steady_clock::now() - begun < 2s);
  };
  s.run(main());
}

// -- options ------------------------------------------------------------------------------------

int option_of(int socket, int level, int which) {
  int value = 0;
  socklen_t size = sizeof value;
  BOOST_REQUIRE(::getsockopt(socket, level, which, &value, &size) == 0);
  return value;
}

BOOST_AUTO_TEST_CASE(two_servers_share_a_port_if_both_say_so) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto first = co_await io::serve("127.0.0.1:0", echo, {.reuse_port = true});
    const auto where = first.local().to_string();
    auto second = co_await io::serve(where, echo, {.reuse_port = true});
    BOOST_CHECK_THROW(co_await io::serve(where, echo), std::system_error);
    first.close();
    auto client = co_await io::connect(where);
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    BOOST_TEST(second.connections() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_system_asks_after_silent_clients_if_wished) {
  live_stage s;
  auto main = [&]() -> task<void> {
    for (const bool wished : {false, true}) {
      int found = -1;
      auto handler = [&found](io::connection client) -> task<void> {
        found = option_of(client.descriptor(), SOL_SOCKET, SO_KEEPALIVE);
        co_await client.write("x");
      };
      auto server = co_await io::serve("127.0.0.1:0", handler, {.keep_alive = wished});
      auto client = co_await io::connect(server.local().to_string());
      co_await client.read();
      BOOST_TEST(found == (wished ? 1 : 0));
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_server_tells_all_its_addresses) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve(":0", echo);
    const auto all = server.addresses();
    BOOST_TEST(!all.empty());
    BOOST_CHECK(all.front() == server.local());
    for (const auto& each : all) BOOST_TEST(each.port() == server.port());
  };
  s.run(main());
}

// -- a socket that is there already -------------------------------------------------------------

int bound_socket(bool listening, int kind = SOCK_STREAM) {
  const int made = ::socket(AF_INET, kind, 0);
  const auto where = io::address::parse("127.0.0.1", 0);
  BOOST_REQUIRE(::bind(made, where.data(), where.size()) == 0);
  if (listening) BOOST_REQUIRE(::listen(made, 5) == 0);
  return made;
}

BOOST_AUTO_TEST_CASE(a_socket_that_was_bound_elsewhere_is_served_at) {  // covers BAS-031
  live_stage s;
  auto main = [&]() -> task<void> {
    for (const bool listening : {false, true}) {
      auto server = co_await io::serve(bound_socket(listening), echo);
      auto client = co_await io::connect(server.local().to_string());
      BOOST_TEST(co_await ask(client, "hello") == "hello");
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(asyncios_name_serves_the_same) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::start_server(echo, "127.0.0.1", 0);
    auto client = co_await io::open_connection("127.0.0.1", server.port());
    BOOST_TEST(co_await ask(client, "hello") == "hello");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_socket_is_closed_also_by_a_task_that_is_never_begun) {
  live_stage s;
  auto main = [&]() -> task<void> {
    no_descriptor_leak leak;
    { const auto unused = io::serve(bound_socket(true), echo); }
    { const auto unused = io::listen(bound_socket(true)); }
    co_return;
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_TEST(incidents.size() == 2U);
  for (const auto& what : incidents) BOOST_TEST(what.code == "BK001");  // nobody began them
}

BOOST_AUTO_TEST_CASE(what_cannot_be_served_at_is_refused_and_closed) {
  live_stage s;
  auto main = [&]() -> task<void> {
    no_descriptor_leak leak;
    BOOST_CHECK_THROW(co_await io::serve(bound_socket(false, SOCK_DGRAM), echo),
                      std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::serve(::socket(AF_INET, SOCK_STREAM, 0), echo),
                      std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::serve(::dup(0), echo), std::system_error);
    BOOST_CHECK_THROW(co_await io::serve(-1, echo), std::system_error);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
