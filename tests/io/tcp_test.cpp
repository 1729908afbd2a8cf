// What TCP connections do beyond what every stream does.
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/live_stage.hpp"

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <system_error>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::no_descriptor_leak;
using buskin::test::until;

task<std::string> read_all(io::stream from) {
  std::string all;
  for (;;) {
    const auto some = co_await from.read();
    if (some.empty()) co_return all;
    all += some;
  }
}

bool no_delay(int descriptor) {
  int on = 0;
  socklen_t size = sizeof on;
  BOOST_REQUIRE(::getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0);
  return on != 0;
}

/// Whether this machine has the loopback address.
bool is_there(const std::string& host) {
  const auto where = io::address::parse(host, 0);
  const int probe = ::socket(where.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool there = probe >= 0 && ::bind(probe, where.data(), where.size()) == 0;
  if (probe >= 0) ::close(probe);
  return there;
}

/// A client, and the server's end of it.
struct ends {
  io::server server;
  io::connection client;
  io::connection served;
};

/// The server's end stays open until it is closed by hand.
task<ends> connected() {
  auto served = std::make_shared<io::connection>();
  auto keep = [served](io::connection client) -> task<void> {
    *served = client;
    while (!client.closed()) co_await sleep(1ms);
  };
  auto server = co_await io::serve("127.0.0.1:0", keep);
  auto client = co_await io::connect(server.local().to_string());
  co_await until([&] { return static_cast<bool>(*served); }, "the server's end");
  co_return ends{server, client, std::exchange(*served, {})};
}

BOOST_AUTO_TEST_SUITE(tcp_)

BOOST_AUTO_TEST_CASE(small_writes_are_sent_without_delay_at_both_ends) {  // covers BAS-044
  live_stage s;
  auto main = [&]() -> task<void> {
    const auto both = co_await connected();
    BOOST_TEST(no_delay(both.client.descriptor()));
    BOOST_TEST(no_delay(both.served.descriptor()));
    both.served.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_server_without_a_host_is_at_both_families) {  // covers EVT-021
  live_stage s;
  auto main = [&]() -> task<void> {
    auto greet = [](io::connection client) -> task<void> { co_await client.write("hello"); };
    auto server = co_await io::serve(":0", greet);
    for (const std::string host : {"127.0.0.1:", "[::1]:"}) {
      if (!is_there(host == "[::1]:" ? "::1" : "127.0.0.1")) {
        BOOST_TEST_MESSAGE("left out: this machine has no " << host);
        continue;
      }
      auto client = co_await io::connect(host + std::to_string(server.port()));
      BOOST_TEST(co_await client.read_exactly(5) == "hello");
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(sixteen_packets_before_a_close_all_arrive) {  // covers TCP-002
  live_stage s;
  auto main = [&]() -> task<void> {
    const auto both = co_await connected();
    std::string all;
    for (int i = 0; i != 16; ++i) {
      const std::string packet = "packet " + std::to_string(i) + ";";
      co_await both.served.write(packet);
      all += packet;
    }
    both.served.close();
    BOOST_TEST(co_await read_all(both.client) == all);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    what_was_sent_before_the_peer_closed_is_read_and_then_there_is_an_end) {  // covers TCP-005
                                                                              // TCP-004
  live_stage s;
  auto main = [&]() -> task<void> {
    const auto both = co_await connected();
    co_await both.served.write("last words");
    both.served.close();
    co_await until([&] { return both.server.connections() == 0; }, "the handler to end");
    BOOST_TEST(co_await both.client.read_exactly(10) == "last words");
    const auto before = std::chrono::steady_clock::now();
    for (int i = 0; i != 3; ++i) BOOST_TEST(co_await both.client.read() == "");
    BOOST_CHECK(std::chrono::steady_clock::now() - before < 500ms);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    after_the_end_of_writing_half_a_megabyte_goes_out_and_an_answer_comes_in) {  // covers TCP-010
                                                                                 // SEL-026
  live_stage s;
  auto main = [&]() -> task<void> {
    const auto both = co_await connected();
    const std::string much(512 * 1024, 'x');
    both.client.set_high_water(2 * much.size());
    co_await both.client.write(much);
    both.client.write_eof();
    BOOST_CHECK_THROW(co_await both.client.write("more"), std::system_error);
    auto got = spawn(read_all(both.served));
    BOOST_TEST((co_await got).size() == much.size());
    co_await both.served.write(much);
    both.served.close();
    BOOST_TEST((co_await read_all(both.client)).size() == much.size());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_reset_by_the_peer_is_told_to_who_reads_and_to_who_writes) {  // covers TCP-011
  live_stage s;
  auto main = [&]() -> task<void> {
    const linger at_once{1, 0};
    for (const bool writes : {false, true}) {
      const auto both = co_await connected();
      BOOST_REQUIRE(::setsockopt(both.served.descriptor(), SOL_SOCKET, SO_LINGER, &at_once,
                                 sizeof at_once) == 0);
      both.served.abort();
      const auto gone = [](const std::system_error& error) {
        return error.code() == std::errc::connection_reset ||
               error.code() == std::errc::broken_pipe;
      };
      auto use = [&]() -> task<void> {
        if (!writes) co_await both.client.read();
        while (writes) {
          co_await both.client.write("x");
          co_await sleep(1ms);
        }
      };
      BOOST_CHECK_EXCEPTION(co_await use(), std::system_error, gone);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_cancelled_read_ends_in_the_next_turn_and_not_with_the_next_packet) {  // covers EVT-031
  live_stage s;
  auto main = [&]() -> task<void> {
    const auto both = co_await connected();
    auto reader = spawn(read_all(both.client));
    co_await yield();
    reader.cancel();
    co_await yield();
    co_await yield();
    BOOST_TEST(reader.done());
    BOOST_CHECK_THROW(co_await reader, cancelled);
    co_await both.served.write("for the next one");
    BOOST_TEST(co_await both.client.read() == "for the next one");
    both.served.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(clients_that_were_never_accepted_see_the_server_close) {  // covers TCP-001
  live_stage s;
  auto main = [&]() -> task<void> {
    auto stay = [](io::connection client) -> task<void> { co_await client.read(); };
    auto server = co_await io::serve("127.0.0.1:0", stay, {.max_connections = 1});
    auto served = co_await io::connect(server.local().to_string());
    co_await until([&] { return server.connections() == 1; }, "the first client");
    auto queued = co_await io::connect(server.local().to_string());
    server.close();
    try {
      BOOST_TEST(co_await queued.read() == "");
    } catch (const std::system_error& error) {
      BOOST_CHECK(error.code() == std::errc::connection_reset);
    }
    BOOST_TEST(server.connections() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(connections_that_come_and_go_leave_nothing) {  // covers TCP-020
  live_stage s;
  auto main = [&]() -> task<void> {
    auto greet = [](io::connection client) -> task<void> { co_await client.write("hello"); };
    auto server = co_await io::serve("127.0.0.1:0", greet);
    (void)co_await io::connect(server.local().to_string());  // what a worker opens once
    co_await until([&] { return server.connections() == 0; }, "the first client to have gone");
    const auto before = test::open_descriptors();
    for (int round = 0; round != 5; ++round) {
      for (int i = 0; i != 100; ++i) {
        auto client = co_await io::connect(server.local().to_string());
        BOOST_REQUIRE(co_await client.read_exactly(5) == "hello");
      }
      co_await until([&] { return server.connections() == 0; }, "all clients to have gone");
      co_await until([&] { return test::open_descriptors() <= before; }, "all to be closed");
    }
  };
  s.run(main());
}

// covers EVT-027
BOOST_AUTO_TEST_CASE(a_handle_outlives_its_runtime_whose_end_closes_the_stream) {
  no_descriptor_leak leak;
  io::stream left;
  io::stream other;
  {
    live_stage s;
    auto main = [&]() -> task<void> {
      auto server =
          co_await io::serve("127.0.0.1:0", [](io::connection) -> task<void> { co_return; });
      left = co_await io::connect(server.local().to_string());
      other = io::memory_stream(8).first;
      server.close();
    };
    s.run(main());
  }
  BOOST_TEST(left.closed());
  BOOST_TEST(left.descriptor() == -1);
  BOOST_TEST(left.describe().starts_with("tcp 127.0.0.1:"));
  left.close();
  other.close();
  live_stage s;
  auto use = [&]() -> task<void> {
    BOOST_CHECK_EXCEPTION(co_await left.read(), invalid_state, [](const invalid_state& error) {
      return std::string_view(error.what()).find("has ended") != std::string_view::npos;
    });
  };
  s.run(use());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
