// Sockets with a name in the file system, or with one of no file.
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/listener.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/io/tls_context.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"
#include "io/tls_support.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::mentions;
using buskin::test::no_descriptor_leak;
using buskin::test::until;
namespace fs = std::filesystem;

task<void> echo(io::connection client) {
  for (;;) {
    const auto some = co_await client.read();
    if (some.empty()) co_return;
    co_await client.write(some);
  }
}

task<std::string> ask(io::connection server, std::string what) {
  co_await server.write(what);
  co_return co_await server.read_exactly(what.size());
}

task<std::string> read_all(io::stream from) {
  std::string all;
  for (;;) {
    const auto some = co_await from.read();
    if (some.empty()) co_return all;
    all += some;
  }
}

bool is_socket(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode);
}

/// A socket bound to `path`.
int bound(const std::string& path, bool listening = false) {
  const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto where = io::address::of_path(path);
  BOOST_REQUIRE(::bind(made, where.data(), where.size()) == 0);
  if (listening) BOOST_REQUIRE(::listen(made, 5) == 0);
  return made;
}

/// What a server that was killed leaves behind.
void leave_stale(const std::string& path) { ::close(bound(path, true)); }

BOOST_AUTO_TEST_SUITE(unix_socket_)

BOOST_AUTO_TEST_CASE(
    a_question_a_line_the_rest_and_the_end_over_a_unix_socket) {  // covers STR-001, EVT-010
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string where = "unix:" + (folder / "door").string();
    auto handler = [](io::connection client) -> task<void> {
      const auto line = co_await client.read_until("\n");
      co_await client.write("you said " + line + "and more\n");
    };
    auto server = co_await io::serve(where, handler);
    BOOST_TEST(server.local().to_string() == where);
    BOOST_TEST(server.port() == 0);
    auto client = co_await io::connect(where);
    BOOST_TEST(client.describe() == where);
    BOOST_TEST(client.peer().to_string() == where);
    co_await client.write("hello\n");
    BOOST_TEST(co_await client.read_until("\n") == "you said hello\n");
    BOOST_TEST(co_await read_all(client) == "and more\n");
    client.close();
    co_await until([&] { return client.closed() && server.connections() == 0; }, "the end");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_name_without_a_file) {
  live_stage s;
  auto main = [&]() -> task<void> {
    const std::string where = "unix:@buskin test " + std::to_string(::getpid());
    auto server = co_await io::serve(where, echo);
    BOOST_TEST(server.local().to_string() == where);
    auto client = co_await io::connect(where);
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    BOOST_CHECK_EXCEPTION(co_await io::serve(where, echo), std::system_error, [&](const auto& e) {
      return e.code() == std::errc::address_in_use && mentions(e, where);
    });
    server.close();
    BOOST_CHECK_EXCEPTION(co_await io::connect(where), std::system_error, [&](const auto& e) {
      return e.code() == std::errc::connection_refused && mentions(e, where);
    });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_listener_accepts_at_a_unix_socket_too) {
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string path = (folder / "door").string();
    {
      auto listener = co_await io::listen("unix:" + path);
      auto client = co_await io::connect("unix:" + path);
      auto served = co_await listener.accept();
      BOOST_TEST(served.describe() == "client of unix:" + path);
      co_await served.write("hello");
      BOOST_TEST(co_await client.read_exactly(5) == "hello");
    }
    BOOST_TEST(!fs::exists(path));
  };
  s.run(main());
}

// -- the file -----------------------------------------------------------------------------------

// T18
BOOST_AUTO_TEST_CASE(a_file_that_nobody_listens_at_is_replaced) {  // covers UNX-006
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string path = (folder / "door").string();
    leave_stale(path);
    BOOST_TEST(is_socket(path));
    auto server = co_await io::serve("unix:" + path, echo);
    auto client = co_await io::connect("unix:" + path);
    BOOST_TEST(co_await ask(client, "hello") == "hello");
  };
  s.run(main());
}

// T18
BOOST_AUTO_TEST_CASE(a_file_that_somebody_listens_at_is_left_alone) {
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string path = (folder / "door").string();
    const auto in_use = [&](const std::system_error& error) {
      return error.code() == std::errc::address_in_use && mentions(error, "unix:" + path);
    };
    auto server = co_await io::serve("unix:" + path, echo);
    {
      no_descriptor_leak leak;
      BOOST_CHECK_EXCEPTION(co_await io::serve("unix:" + path, echo), std::system_error, in_use);
    }
    auto client = co_await io::connect("unix:" + path);
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    // The one that was asked whether it is there was no client.
    co_await until([&] { return server.connections() == 1; }, "the question to be over");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_file_of_a_server_that_was_not_started_yet_is_left_alone) {
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string path = (folder / "door").string();
    fs::create_directory_symlink(folder.path(), folder / "detour");
    const std::string detour = (folder / "detour/door").string();
    auto first = co_await io::serve("unix:" + path, echo, {.start = false});
    for (const auto& way : {path, detour})
      BOOST_CHECK_EXCEPTION(
          co_await io::serve("unix:" + way, echo), std::system_error,
          [](const auto& error) { return error.code() == std::errc::address_in_use; });
    co_await first.start();
    auto client = co_await io::connect("unix:" + path);
    BOOST_TEST(co_await ask(client, "hello") == "hello");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(clients_of_a_server_that_has_gone_do_not_keep_its_file) {
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string where = "unix:" + (folder / "door").string();
    auto first = co_await io::serve(where, echo, {.remove_socket = false});
    auto old = co_await io::connect(where);
    BOOST_TEST(co_await ask(old, "hello") == "hello");
    first.close();
    auto second = co_await io::serve(where, echo);
    auto client = co_await io::connect(where);
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    BOOST_TEST(co_await ask(old, "still here") == "still here");
  };
  s.run(main());
}

/// Whether a server could be started; it goes when all have tried.
task<bool> contend(std::string where, std::barrier<>* all) {
  std::optional<io::server> made;
  try {
    made = co_await io::serve(where, echo);
  } catch (const std::system_error&) {
  }
  all->arrive_and_wait();
  if (made) made->close();
  co_return made.has_value();
}

BOOST_AUTO_TEST_CASE(of_several_who_replace_a_file_at_once_exactly_one_is_there_in_the_end) {
  test::scratch folder;
  const std::string path = (folder / "door").string();
  constexpr int contenders = 3;
  for (int round = 0; round != 30; ++round) {
    leave_stale(path);
    std::barrier all(contenders);
    std::atomic<int> started = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i != contenders; ++i)
      threads.emplace_back([&] {
        runtime own({.signals = signal_handling::none});
        all.arrive_and_wait();
        if (own.run_until_complete(contend("unix:" + path, &all))) ++started;
      });
    for (auto& each : threads) each.join();
    BOOST_TEST(started == 1, started << " of " << contenders << " in round " << round);
    BOOST_TEST(!fs::exists(path));
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_socket_is_left_alone) {  // covers UNX-010
  live_stage s;
  auto main = [&]() -> task<void> {
    no_descriptor_leak leak;
    test::scratch folder;
    const std::string path = (folder / "diary").string();
    std::ofstream(path) << "dear diary";
    BOOST_CHECK_EXCEPTION(
        co_await io::serve("unix:" + path, echo), std::system_error, [&](const auto& error) {
          return error.code() == std::errc::address_in_use && mentions(error, path);
        });
    BOOST_TEST(fs::file_size(path) == 10U);
    const std::string nowhere = (folder / "missing/door").string();
    BOOST_CHECK_EXCEPTION(
        co_await io::serve("unix:" + nowhere, echo), std::system_error, [&](const auto& error) {
          return error.code() == std::errc::no_such_file_or_directory && mentions(error, nowhere);
        });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    the_file_goes_with_the_server_that_made_it_or_was_given_its_socket) {  // covers SRV-006
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string path = (folder / "door").string();
    for (const bool given : {false, true}) {
      auto server =
          given ? co_await io::serve(bound(path), echo) : co_await io::serve("unix:" + path, echo);
      BOOST_TEST(is_socket(path));
      auto client = co_await io::connect("unix:" + path);
      BOOST_TEST(co_await ask(client, "hello") == "hello");
      server.close();
      BOOST_TEST(!fs::exists(path));
      BOOST_TEST(co_await ask(client, "still here") == "still here");
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_file_of_a_successor_is_left_alone) {
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string path = (folder / "door").string();
    auto first = co_await io::serve("unix:" + path, echo);
    fs::remove(path);  // an operator who made room for the next one
    auto second = co_await io::serve("unix:" + path, echo);
    first.close();
    BOOST_TEST(is_socket(path));
    auto client = co_await io::connect("unix:" + path);
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    BOOST_TEST(second.connections() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_file_stays_if_it_is_to_stay) {  // covers SRV-008
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string path = (folder / "door").string();
    auto server = co_await io::serve("unix:" + path, echo, {.remove_socket = false});
    server.close();
    BOOST_TEST(is_socket(path));
    fs::remove(path);
    auto given = co_await io::serve(bound(path), echo, {.remove_socket = false});
    given.close();
    BOOST_TEST(is_socket(path));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_file_goes_from_where_it_is_although_the_working_directory_has_changed) {
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const auto before = fs::current_path();
    fs::current_path(folder.path());
    auto server = co_await io::serve("unix:door", echo);
    fs::current_path(before);
    BOOST_TEST(is_socket((folder / "door").string()));
    server.close();
    BOOST_TEST(!fs::exists((folder / "door").string()));
  };
  s.run(main());
}

// T18
BOOST_AUTO_TEST_CASE(only_the_user_gets_in_unless_it_is_said_otherwise) {
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string path = (folder / "door").string();
    const auto mode = [&] {
      struct stat about {};
      BOOST_REQUIRE(::stat(path.c_str(), &about) == 0);
      return about.st_mode & 0777U;
    };
    auto server = co_await io::serve("unix:" + path, echo);
    BOOST_TEST(mode() == 0600U);
    server.close();
    server = co_await io::serve("unix:" + path, echo, {.socket_mode = 0666});
    BOOST_TEST(mode() == 0666U);  // whatever the umask
  };
  s.run(main());
}

// T18
BOOST_AUTO_TEST_CASE(a_path_that_is_too_long_is_named_with_the_limit) {
  live_stage s;
  auto main = [&]() -> task<void> {
    no_descriptor_leak leak;
    const std::string path = "/tmp/" + std::string(200, 'x');
    const auto explains = [&](const std::system_error& error) {
      return error.code() == std::errc::filename_too_long &&
             mentions(error, path + " has 205 bytes, and the path of a socket at most 107");
    };
    BOOST_CHECK_EXCEPTION(co_await io::serve("unix:" + path, echo), std::system_error, explains);
    BOOST_CHECK_EXCEPTION(co_await io::connect("unix:" + path), std::system_error, explains);
    BOOST_CHECK_THROW(co_await io::connect("unix:"), std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::connect("unix:@"), std::invalid_argument);
  };
  s.run(main());
}

// -- clients ------------------------------------------------------------------------------------

// T18
BOOST_AUTO_TEST_CASE(each_end_knows_who_is_at_the_other) {
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string where = "unix:" + (folder / "door").string();
    auto listener = co_await io::listen(where);
    auto client = co_await io::connect(where);
    auto served = co_await listener.accept();
    for (const auto& end : {client, served}) {
      const auto who = end.peer_credentials();
      BOOST_TEST(who.pid == ::getpid());
      BOOST_TEST(who.uid == ::getuid());
      BOOST_TEST(who.gid == ::getgid());
    }
    auto tcp = co_await io::listen("127.0.0.1:0");
    auto other = co_await io::connect(tcp.local().to_string());
    BOOST_CHECK_EXCEPTION((void)other.peer_credentials(), std::system_error, [](const auto& e) {
      return e.code() == std::errc::operation_not_supported;
    });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_full_queue_is_waited_for) {
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string where = "unix:" + (folder / "door").string();
    auto listener = co_await io::listen(where, {.backlog = 0});
    std::vector<task_handle<io::connection>> clients;
    for (int i = 0; i != 4; ++i) clients.push_back(spawn(io::connect(where)));
    const auto connected = [&] {
      return std::count_if(clients.begin(), clients.end(), [](auto& each) { return each.done(); });
    };
    co_await until([&] { return connected() != 0; }, "the first to be in the queue");
    BOOST_TEST(connected() < 4);
    for (int i = 0; i != 4; ++i) (void)co_await listener.accept();
    for (auto& each : clients) BOOST_TEST(static_cast<bool>(co_await each));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(nobody_there_is_told_with_the_path) {
  live_stage s;
  auto main = [&]() -> task<void> {
    no_descriptor_leak leak;
    test::scratch folder;
    const std::string path = (folder / "door").string();
    BOOST_CHECK_EXCEPTION(co_await io::connect("unix:" + path), std::system_error,
                          [&](const auto& error) {
                            return error.code() == std::errc::no_such_file_or_directory &&
                                   mentions(error, "cannot connect to unix:" + path);
                          });
    leave_stale(path);
    BOOST_CHECK_EXCEPTION(
        co_await io::connect("unix:" + path), std::system_error, [&](const auto& error) {
          return error.code() == std::errc::connection_refused && mentions(error, path);
        });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_is_for_tcp_only_is_refused) {
  live_stage s;
  auto main = [&]() -> task<void> {
    test::scratch folder;
    const std::string where = "unix:" + (folder / "door").string();
    BOOST_CHECK_THROW(co_await io::serve(where, echo, {.reuse_port = true}), std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::connect(where, {.local = "127.0.0.1:0"}), std::invalid_argument);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    tls_over_a_unix_socket_needs_to_be_told_whom_the_certificate_is_for) {  // covers UNX-011
  live_stage s;
  auto main = [&]() -> task<void> {
    const test::tls_world world;
    test::scratch folder;
    const std::string where = "unix:" + (folder / "door").string();
    auto server = co_await io::serve(where, echo, {.tls = world.server()});
    BOOST_CHECK_EXCEPTION(
        co_await io::connect(where, {.tls = world.client()}), std::invalid_argument,
        [](const std::exception& error) { return mentions(error, "set server_name"); });
    BOOST_CHECK_THROW(co_await io::connect(where, {.server_name = "example.org"}),
                      std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::connect(where, {.handshake_timeout = 1s}),
                      std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::serve(where, echo, {.handshake_timeout = 1s}),
                      std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::serve(where, echo, {.tls = world.client()}),
                      std::invalid_argument);
    auto client =
        co_await io::connect(where, {.tls = world.client(), .server_name = "example.org"});
    BOOST_TEST(co_await ask(client, "hello") == "hello");
    BOOST_TEST(client.tls().has_value());
    client.close();
    co_await until([&] { return client.closed() && server.connections() == 0; }, "the end");
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
