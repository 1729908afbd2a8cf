// How servers end: closed, drained, by a signal; and what becomes of their clients.
#include <buskin/actors/event.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/echo_server.hpp"
#include "io/live_stage.hpp"
#include "support/child_process.hpp"

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <exception>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::ask;
using buskin::test::check_refused;
using buskin::test::echo;
using buskin::test::live_stage;
using buskin::test::until;

task<void> wait_closed(io::server which) { co_await which.wait_closed(); }
task<std::size_t> drain(io::server which, duration limit) { co_return co_await which.drain(limit); }

BOOST_AUTO_TEST_SUITE(serve_end_)

// -- waiting for the end ------------------------------------------------------------------------

// covers SRV-002
BOOST_AUTO_TEST_CASE(
    the_wait_for_the_end_lasts_until_the_server_is_closed_and_its_last_client_gone) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", echo);
    auto before = spawn(wait_closed(server));
    auto client = co_await io::connect(server.local().to_string());
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    BOOST_TEST(!before.done());  // open, with a client
    client.close();
    co_await until([&] { return server.connections() == 0; }, "the client to have gone");
    co_await sleep(5ms);
    BOOST_TEST(!before.done());  // open, without one

    client = co_await io::connect(server.local().to_string());
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    server.close();
    auto after = spawn(wait_closed(server));
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    BOOST_TEST(!before.done());
    BOOST_TEST(!after.done());
    client.close();
    co_await before;
    co_await after;
    BOOST_TEST(server.connections() == 0U);
    co_await server.wait_closed();  // who comes later
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_server_that_never_had_a_client_is_waited_for_no_longer_than_it_is_open) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", echo);
    server.close();
    co_await server.wait_closed();
  };
  s.run(main());
}

// -- clients that are sent away -----------------------------------------------------------------

BOOST_AUTO_TEST_CASE(
    closing_the_clients_sends_what_was_written_and_ends_their_handlers) {  // covers SRV-004
  live_stage s(runtime_options{.workers = 2});
  auto main = [&]() -> task<void> {
    constexpr std::size_t much = 8 * 1024 * 1024;
    auto handler = [](io::connection client) -> task<void> {
      client.set_high_water(2 * much);
      co_await client.write(std::string(much, 'u'));
      co_await client.read();
    };
    auto server = co_await io::serve("127.0.0.1:0", handler);
    std::vector<io::connection> clients;
    for (int i = 0; i != 3; ++i) {
      clients.push_back(co_await io::connect(server.local().to_string()));
      BOOST_TEST(co_await clients.back().read_exactly(1) == "u");
    }
    server.close();
    server.close_clients();
    co_await server.wait_closed();
    for (auto& each : clients) {
      BOOST_TEST((co_await each.read_exactly(much - 1)).size() == much - 1);
      BOOST_TEST(co_await each.read() == "");
    }
  };
  s.run(main());  // and no handler's failure was reported
}

BOOST_AUTO_TEST_CASE(aborting_the_clients_drops_what_was_not_sent) {
  live_stage s;
  auto main = [&]() -> task<void> {
    constexpr std::size_t much = 64 * 1024 * 1024;
    auto handler = [](io::connection client) -> task<void> {
      co_await client.write(std::string(much, 'u'));
    };
    auto server = co_await io::serve("127.0.0.1:0", handler);
    auto client = co_await io::connect(server.local().to_string());
    BOOST_TEST(co_await client.read_exactly(1) == "u");
    server.close();
    server.abort_clients();
    co_await server.wait_closed();
    std::size_t got = 0;
    try {
      for (;;) {
        const auto some = co_await client.read();
        if (some.empty()) break;
        got += some.size();
      }
    } catch (const std::system_error&) {  // a reset is as good as an end
    }
    BOOST_TEST(got < much / 2);
  };
  s.run(main());
}

// -- draining -----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(
    a_drained_server_refuses_newcomers_and_lets_its_clients_finish) {  // covers AIO-013
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", echo);
    const auto where = server.local().to_string();
    auto client = co_await io::connect(where);
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    auto drained = spawn(drain(server, 1h));
    co_await until([&] { return server.closed(); }, "the server to stop accepting");
    co_await check_refused(where);
    BOOST_TEST(co_await ask(client, "still here") == "still here");
    BOOST_TEST(!drained.done());
    client.close();
    BOOST_TEST(co_await drained == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(handlers_that_run_at_the_limit_of_a_drain_are_cancelled) {  // covers AIO-012
  for (const unsigned workers : {1U, 2U}) {
    live_stage s(runtime_options{.workers = workers});
    auto main = [&]() -> task<void> {
      std::atomic<int> begun = 0;
      std::atomic<int> cleaned = 0;
      auto handler = [&](io::connection client) -> task<void> {
        ++begun;
        try {
          co_await client.read();
        } catch (const cancelled&) {
          ++cleaned;
          throw;
        }
      };
      auto server = co_await io::serve("127.0.0.1:0", handler);
      std::vector<io::connection> clients;
      for (int i = 0; i != 4; ++i)
        clients.push_back(co_await io::connect(server.local().to_string()));
      co_await until([&] { return begun == 4; }, "all handlers to begin");
      BOOST_TEST(co_await server.drain(20ms) == 4U);
      BOOST_TEST(cleaned == 4);
      BOOST_TEST(server.connections() == 0U);
      for (auto& each : clients) BOOST_TEST(co_await each.read() == "");
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_CASE(
    a_handler_that_swallows_its_cancellation_and_works_on_is_waited_for) {  // covers AIO-015
  live_stage s;
  auto main = [&]() -> task<void> {
    event may_end;
    bool begun = false;
    int swallowed = 0;
    auto handler = [&](io::connection client) -> task<void> {
      begun = true;
      try {
        co_await client.read();
      } catch (const cancelled&) {
        ++swallowed;
      }
      co_await may_end.wait();
      co_await client.write("done");
    };
    auto server = co_await io::serve("127.0.0.1:0", handler);
    auto client = co_await io::connect(server.local().to_string());
    co_await until([&] { return begun; }, "the handler to begin");
    auto drained = spawn(drain(server, 10ms));
    co_await until([&] { return swallowed == 1; }, "the cancellation");
    co_await sleep(5ms);
    BOOST_TEST(!drained.done());
    may_end.set();
    BOOST_TEST(co_await drained == 1U);
    BOOST_TEST(co_await client.read_exactly(4) == "done");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_drain_that_is_cancelled_leaves_the_clients_and_a_closed_server) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", echo);
    auto client = co_await io::connect(server.local().to_string());
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    auto drained = spawn(drain(server, 1h));
    co_await until([&] { return server.closed(); }, "the server to close");
    drained.cancel();
    BOOST_CHECK_THROW(co_await drained, cancelled);
    BOOST_TEST(co_await ask(client, "still here") == "still here");
  };
  s.run(main());
}

// -- signals ------------------------------------------------------------------------------------

/// A server program: prints its port, serves until a signal, takes leave of its client.
int serve_in_a_child(int port_to, const std::function<void()>& ready) {
  const auto handler = [](io::connection client) -> task<void> {
    co_await client.write("hello\n");
    std::exception_ptr end;
    try {
      co_await client.read();
    } catch (const cancelled&) {
      end = std::current_exception();
    }
    co_await client.write("goodbye\n");
    if (end) std::rethrow_exception(end);
  };
  const auto co_main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", handler);
    const auto port = server.port();
    (void)!::write(port_to, &port, sizeof port);
    ready();
    std::exception_ptr end;
    try {
      co_await server.serve_forever();
    } catch (const cancelled&) {
      end = std::current_exception();
    }
    co_await sleep(1ms);  // a clean-up that waits
    (void)!::write(port_to, "c", 1);
    if (end) std::rethrow_exception(end);
  };
  run(co_main());
  return 0;  // the program ends by the signal: see below
}

BOOST_AUTO_TEST_CASE(a_signal_ends_a_server_in_good_order) {  // covers AIO-008
  for (const int signal : {SIGINT, SIGTERM}) {
    int from_child[2];
    BOOST_REQUIRE(::pipe(from_child) == 0);
    test::child_process child([&](auto&& ready) { return serve_in_a_child(from_child[1], ready); });
    ::close(from_child[1]);
    child.await_ready();
    std::uint16_t port = 0;
    BOOST_REQUIRE(::read(from_child[0], &port, sizeof port) == sizeof port);
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto where = io::address::parse("127.0.0.1", port);
    BOOST_REQUIRE(::connect(client, where.data(), where.size()) == 0);
    std::string got(6, '\0');
    BOOST_REQUIRE(::recv(client, got.data(), got.size(), MSG_WAITALL) == 6);
    child.send(signal);
    BOOST_TEST(child.wait() == -signal);  // as a shell expects of who was interrupted
    char cleaned = 0;
    BOOST_TEST(::read(from_child[0], &cleaned, 1) == 1);
    BOOST_TEST(cleaned == 'c');
    got.assign(8, '\0');
    BOOST_TEST(::recv(client, got.data(), got.size(), MSG_WAITALL) == 8);
    BOOST_TEST(got == "goodbye\n");
    ::close(client);
    ::close(from_child[0]);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
