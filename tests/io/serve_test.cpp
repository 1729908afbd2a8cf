// Real TCP servers on the loopback interface.
#include <buskin/io/serve.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/line_echo_server.hpp"
#include "io/live_stage.hpp"
#include "support/child_process.hpp"

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::ask;
using buskin::test::echo_lines;
using buskin::test::echo_server;
using buskin::test::live_stage;
using buskin::test::no_descriptor_leak;
using buskin::test::until;

bool mentions(const std::exception& error, const std::string& what) {
  return std::string(error.what()).find(what) != std::string::npos;
}

/// Closes so that the peer sees a reset.
void reset(io::connection& which) {
  const linger at_once{1, 0};
  BOOST_REQUIRE(::setsockopt(which.descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) ==
                0);
  which.abort();
}

BOOST_AUTO_TEST_SUITE(serve_)

BOOST_AUTO_TEST_CASE(a_server_says_where_it_listens_and_both_ends_know_each_other) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await echo_server();
    BOOST_TEST(server.port() != 0);
    BOOST_TEST(server.local().to_string() == "127.0.0.1:" + std::to_string(server.port()));
    auto client = co_await io::open_connection("127.0.0.1", server.port());
    BOOST_TEST(client.peer().to_string() == server.local().to_string());
    BOOST_TEST(client.describe() == "tcp " + server.local().to_string());
    BOOST_TEST(client.local().port() != 0);
    BOOST_TEST(co_await ask(client, "hello\n") == "hello\n");
    BOOST_TEST(server.connections() == 1U);
  };
  s.run(main());
}

task<int> fifty_questions(std::string where, int name) {
  auto server = co_await io::connect(where);
  for (int i = 0; i != 50; ++i) {
    const std::string line = std::to_string(name) + " " + std::to_string(i) + "\n";
    if (co_await ask(server, line) != line) co_return -1;
  }
  co_return name;
}

void fifty_clients(unsigned workers) {
  no_descriptor_leak leak;
  live_stage s(runtime_options{.workers = workers});
  auto main = [&]() -> task<void> {
    auto server = co_await echo_server();
    std::vector<task<int>> clients;
    for (int i = 0; i != 50; ++i) clients.push_back(fifty_questions(server.local().to_string(), i));
    const auto names = co_await gather(std::move(clients));
    for (int i = 0; i != 50; ++i) BOOST_TEST(names[static_cast<std::size_t>(i)] == i);
    co_await until([&] { return server.connections() == 0; }, "all clients to have gone");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(fifty_clients_at_a_time_are_served) { fifty_clients(1); }
BOOST_AUTO_TEST_CASE(fifty_clients_at_a_time_are_served_by_three_workers) { fifty_clients(3); }

task<void> fail_at_once(io::connection) {
  throw std::runtime_error("this handler is broken");
  co_return;
}

BOOST_AUTO_TEST_CASE(an_exception_of_a_handler_is_reported_and_the_server_goes_on) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", fail_at_once, {.name = "broken"});
    for (int i = 0; i != 2; ++i) {
      auto client = co_await io::connect(server.local().to_string());
      BOOST_TEST(co_await client.read() == "");
    }
    co_await until([&] { return server.connections() == 0 && s.incidents() == 2; },
                   "both handlers to have ended");
  };
  s.run(main());
  for (const auto& what : s.take_incidents()) {
    BOOST_TEST(what.code == "BK002");
    BOOST_TEST(to_string(what).find("this handler is broken") != std::string::npos,
               to_string(what));
    BOOST_TEST(what.who.starts_with("broken client "), what.who);
  }
}

BOOST_AUTO_TEST_CASE(a_handler_function_that_throws_instead_of_returning_a_task_is_reported_too) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve(
        "127.0.0.1:0", [](io::connection) -> task<void> { throw std::runtime_error("no task"); });
    auto client = co_await io::connect(server.local().to_string());
    BOOST_TEST(co_await client.read() == "");
    co_await until([&] { return server.connections() == 0 && s.incidents() == 1; },
                   "the handler to have ended");
  };
  s.run(main());
  BOOST_TEST(s.take_incidents().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_client_that_resets_its_connection_is_nobodys_fault) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await echo_server();
    for (int i = 0; i != 5; ++i) {
      auto client = co_await io::connect(server.local().to_string());
      BOOST_TEST(co_await ask(client, "hello\n") == "hello\n");
      reset(client);
    }
    co_await until([&] { return server.connections() == 0; }, "the handlers to have ended");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_connection_closes_when_its_handler_ends_and_unsent_bytes_still_arrive) {
  live_stage s;
  auto main = [&]() -> task<void> {
    constexpr std::size_t size = 16 * 1024 * 1024;
    bool begun = false;
    auto handler = [&begun](io::connection client) -> task<void> {
      begun = true;
      client.set_high_water(2 * size);  // it does not wait
      co_await client.write(std::string(size, 'u'));
    };
    auto server = co_await io::serve("127.0.0.1:0", handler);
    auto client = co_await io::connect(server.local().to_string());
    co_await until([&] { return begun && server.connections() == 0; }, "the handler to end");
    BOOST_TEST((co_await client.read_exactly(size) == std::string(size, 'u')));
    BOOST_TEST(co_await client.read() == "");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_copy_that_a_handler_left_behind_does_not_keep_its_connection_open) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto kept = std::make_shared<io::connection>();
    auto handler = [kept](io::connection client) -> task<void> {
      *kept = client;
      co_return;
    };
    auto server = co_await io::serve("127.0.0.1:0", handler);
    auto client = co_await io::connect(server.local().to_string());
    BOOST_TEST(co_await client.read() == "");
    BOOST_TEST(kept->closed());
  };
  s.run(main());
}

/// Reads everything there is to read at `port`, slowly at first; the exit code says whether it was
/// `size` bytes.
int read_in_a_child(int port_from, std::size_t size) {
  std::uint16_t port = 0;
  if (::read(port_from, &port, sizeof port) != sizeof port) return 1;
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) return 2;
  // The pipe is closed when the handler has ended: only then it reads.
  if (::read(port_from, &port, 1) != 0) return 3;
  std::vector<char> buffer(1 << 16);
  std::size_t got = 0;
  for (;;) {
    const auto count = ::read(socket, buffer.data(), buffer.size());
    if (count <= 0) return count == 0 && got == size ? 0 : 4;
    got += static_cast<std::size_t>(count);
  }
}

BOOST_AUTO_TEST_CASE(what_a_handler_wrote_arrives_although_the_runtime_shuts_down) {
  constexpr std::size_t size = 16 * 1024 * 1024;
  int to_child[2];
  BOOST_REQUIRE(::pipe(to_child) == 0);
  test::child_process reader([&](auto&&) {
    ::close(to_child[1]);
    return read_in_a_child(to_child[0], size);
  });
  ::close(to_child[0]);
  {
    live_stage s;
    auto main = [&]() -> task<void> {
      bool begun = false;
      auto handler = [&begun](io::connection client) -> task<void> {
        begun = true;
        client.set_high_water(2 * size);
        co_await client.write(std::string(size, 'u'));
      };
      auto server = co_await io::serve("127.0.0.1:0", handler);
      const auto port = server.port();
      BOOST_REQUIRE(::write(to_child[1], &port, sizeof port) == sizeof port);
      co_await until([&] { return begun && server.connections() == 0; }, "the handler to end");
      ::close(to_child[1]);
    };
    s.run(main());
  }
  BOOST_TEST(reader.wait() == 0);
}

BOOST_AUTO_TEST_CASE(shutdown_does_not_wait_for_ever_for_a_client_that_does_not_read) {
  no_descriptor_leak leak;
  runtime_options options;
  options.shutdown_timeout = 300ms;
  std::string report;
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  {
    runtime owner(options);
    auto main = [&]() -> task<void> {
      bool begun = false;
      auto handler = [&begun](io::connection client) -> task<void> {
        begun = true;
        client.set_high_water(64 * 1024 * 1024);
        co_await client.write(std::string(32 * 1024 * 1024, 'u'));
      };
      auto server = co_await io::serve("127.0.0.1:0", handler);
      const auto where = server.local();
      BOOST_REQUIRE(::connect(socket, where.data(), where.size()) == 0);
      co_await until([&] { return begun && server.connections() == 0; }, "the handler to end");
    };
    owner.run_until_complete(main());
    const auto& found = owner.shutdown();
    BOOST_TEST(!found.clean());
    BOOST_TEST((found.took < 3s));
    report = to_string(found);
  }
  ::close(socket);
  BOOST_TEST(report.find("closed, with bytes to send") != std::string::npos, report);
}

BOOST_AUTO_TEST_CASE(no_more_clients_than_permitted_at_a_time_and_the_others_come_later) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await echo_server({.max_connections = 2});
    std::vector<io::connection> clients;
    for (int i = 0; i != 4; ++i)
      clients.push_back(co_await io::connect(server.local().to_string()));
    for (auto& each : clients) co_await each.write("me\n");
    BOOST_TEST(co_await clients[0].read_until("\n") == "me\n");
    BOOST_TEST(co_await clients[1].read_until("\n") == "me\n");
    BOOST_TEST(server.connections() == 2U);
    auto third = spawn(ask(clients[2], ""));
    co_await sleep(250ms);  // longer than the server's pause
    BOOST_TEST(!third.done());
    BOOST_TEST(server.connections() == 2U);
    clients[0].close();
    BOOST_TEST(co_await third == "me\n");
    clients[1].close();
    BOOST_TEST(co_await clients[3].read_until("\n") == "me\n");
    BOOST_TEST(server.connections() == 2U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_closed_server_takes_nobody_and_keeps_those_it_has) {  // covers EVT-022
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await echo_server();
    const auto where = server.local().to_string();
    auto client = co_await io::connect(where);
    BOOST_TEST(co_await ask(client, "before\n") == "before\n");
    server.close();
    server.close();
    co_await until([&] { return server.closed(); }, "the server to close");
    BOOST_CHECK_EXCEPTION(co_await io::connect(where), std::system_error, [&](const auto& error) {
      return error.code() == std::errc::connection_refused && mentions(error, where);
    });
    BOOST_TEST(co_await ask(client, "after\n") == "after\n");
    auto next = co_await io::serve(where, echo_lines);  // the port is free again
    auto other = co_await io::connect(where);
    BOOST_TEST(co_await ask(other, "new\n") == "new\n");
  };
  s.run(main());
}

task<void> wait_for_ever(io::connection client) {
  co_await client.write("ready\n");
  for (;;) co_await client.read();
}

BOOST_AUTO_TEST_CASE(shutdown_ends_servers_and_sessions_in_time) {  // covers STR-056
  no_descriptor_leak leak;
  for (const unsigned workers : {1U, 2U}) {
    runtime_options options{.workers = workers};
    options.shutdown_timeout = 5s;
    live_stage s(options);
    std::vector<io::connection> clients;
    auto main = [&]() -> task<void> {
      auto server = co_await io::serve("127.0.0.1:0", [](io::connection c) -> task<void> {
        co_await c.write("ready\n");
        co_await c.read_until("\n");
      });
      for (int i = 0; i != 10; ++i) {
        clients.push_back(co_await io::connect(server.local().to_string()));
        BOOST_TEST(co_await clients.back().read_until("\n") == "ready\n");
      }
    };
    s.run(main());
    const auto& report = s.runtime.shutdown();
    BOOST_TEST(report.clean());
    BOOST_TEST((report.took < 4s));
    BOOST_TEST(s.runtime.alive() == 0U);
    clients.clear();
  }
}

BOOST_AUTO_TEST_CASE(a_session_that_swallows_its_cancellation_is_named_and_killed_at_the_deadline) {
  no_descriptor_leak leak;
  runtime_options options;
  options.shutdown_timeout = 200ms;
  std::string report;
  {
    runtime owner(options);
    auto main = [&]() -> task<void> {
      auto server = co_await io::serve("127.0.0.1:0",
                                       [](io::connection client) -> task<void> {
                                         co_await client.write("ready\n");
                                         for (;;) {
                                           try {
                                             co_await client.read_until("\n");
                                           } catch (const cancelled&) {
                                           }
                                         }
                                       },
                                       {.name = "stubborn"});
      auto client = co_await io::connect(server.local().to_string());
      BOOST_TEST(co_await client.read_until("\n") == "ready\n");
      // The client stays connected until the runtime has gone.
      static_cast<void>(spawn([](io::connection kept) -> task<void> {
        while (!kept.closed()) {
          try {
            co_await sleep(1h);
          } catch (const cancelled&) {
          }
        }
      }(client)));
      co_await yield();
    };
    owner.run_until_complete(main());
    const auto& found = owner.shutdown();
    BOOST_TEST(!found.clean());
    BOOST_TEST((found.took < 3s));
    report = to_string(found);
  }
  BOOST_TEST(report.find("stubborn client 1") != std::string::npos, report);
}

// -- failures ---------------------------------------------------------------------------------

// Part of T12.
BOOST_AUTO_TEST_CASE(a_busy_port_is_named) {  // covers EVT-020
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await echo_server();
    const auto where = server.local().to_string();
    BOOST_CHECK_EXCEPTION(
        co_await io::serve(where, echo_lines), std::system_error, [&](const auto& error) {
          return error.code() == std::errc::address_in_use && mentions(error, where);
        });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_malformed_address_is_refused_and_repeated) {
  live_stage s;
  auto main = [&]() -> task<void> {
    for (const std::string text :
         {"", "localhost", "127.0.0.1:", "127.0.0.1:ht tp", "127.0.0.1:70000", "127.0.0.1:-1",
          "::1:80", "[::1:80", "127.0.0.1:80x", "tcp://127.0.0.1:80"}) {
      const auto explains = [&](const std::invalid_argument& error) {
        return mentions(error, "\"" + text + "\" is no address");
      };
      BOOST_CHECK_EXCEPTION(co_await io::connect(text), std::invalid_argument, explains);
      BOOST_CHECK_EXCEPTION(co_await io::serve(text, echo_lines), std::invalid_argument, explains);
    }
    const std::string with_zero("127.0.0.1\0.example:80", 21);
    BOOST_CHECK_THROW(co_await io::connect(with_zero), std::invalid_argument);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_refused_connection_is_named) {  // covers SOC-009
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await echo_server();
    const auto where = server.local().to_string();
    server.close();
    co_await until([&] { return server.closed(); }, "the server to close");
    BOOST_CHECK_EXCEPTION(co_await io::connect(where), std::system_error, [&](const auto& error) {
      return error.code() == std::errc::connection_refused &&
             mentions(error, "cannot connect to " + where);
    });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(localhost_is_found_by_name) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("localhost:0", echo_lines);
    auto client = co_await io::open_connection("localhost", server.port());
    BOOST_TEST(co_await ask(client, "by name\n") == "by name\n");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_connect_leaves_nothing_behind) {
  no_descriptor_leak leak;
  live_stage s;
  auto main = [&]() -> task<void> {
    // A full queue answers nobody: the system keeps the attempt waiting.
    auto server =
        co_await io::serve("127.0.0.1:0", wait_for_ever, {.max_connections = 0, .backlog = 0});
    const auto connecting = [](std::string where) -> task<void> { co_await io::connect(where); };
    std::vector<task_handle<void>> attempts;
    for (int i = 0; i != 8; ++i) attempts.push_back(spawn(connecting(server.local().to_string())));
    co_await until([&] { return attempts[0].done(); }, "the first to be in the queue");
    for (auto& each : attempts) each.cancel();
    int cancellations = 0;
    for (auto& each : attempts) {
      try {
        co_await each;
      } catch (const cancelled&) {
        ++cancellations;
      }
    }
    BOOST_TEST(cancellations > 0);
    server.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
