// Clients one at a time, for whoever asks.
#include <buskin/io/listener.hpp>

#include <buskin/actors/send.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::until;

using journal = std::vector<std::string>;

task<io::connection> accept(io::listener from) { co_return co_await from.accept(); }

/// Accepts, notes that it did, and tells the client its name.
task<void> accept_as(std::string name, io::listener from, journal* notes) {
  auto client = co_await from.accept();
  notes->push_back(name);
  co_await client.write(name);
}

BOOST_AUTO_TEST_SUITE(listener_)

BOOST_AUTO_TEST_CASE(accept_gives_a_connection_with_both_addresses) {  // covers SOC-010
  live_stage s;
  auto main = [&]() -> task<void> {
    auto listener = co_await io::listen("127.0.0.1:0");
    BOOST_TEST(listener.port() != 0);
    auto accepted = spawn(accept(listener));
    auto client = co_await io::connect(listener.local().to_string());
    auto served = co_await accepted;
    BOOST_CHECK(served.peer() == client.local());
    BOOST_CHECK(served.local() == client.peer());
    BOOST_TEST((::fcntl(served.descriptor(), F_GETFL) & O_NONBLOCK) != 0);
    BOOST_TEST((::fcntl(served.descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
    co_await client.write("hello");
    BOOST_TEST(co_await served.read_exactly(5) == "hello");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_was_there_before_the_accept_is_not_lost) {
  live_stage s(runtime_options{.workers = 2});
  auto main = [&]() -> task<void> {
    auto listener = co_await io::listen("127.0.0.1:0");
    std::vector<io::connection> clients;
    for (int i = 0; i != 5; ++i) {
      clients.push_back(co_await io::connect(listener.local().to_string()));
      co_await clients.back().write(std::to_string(i));
    }
    for (int i = 0; i != 5; ++i) {
      auto served = co_await listener.accept();
      BOOST_TEST(co_await served.read_exactly(1) == std::to_string(i));
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(closing_a_listener_ends_the_accepts_that_wait) {  // covers TCP-008
  live_stage s(runtime_options{.workers = 2});
  auto main = [&]() -> task<void> {
    auto listener = co_await io::listen("127.0.0.1:0", {.name = "door"});
    const auto where = listener.local().to_string();
    std::vector<task_handle<io::connection>> waiting;
    for (int i = 0; i != 3; ++i) waiting.push_back(spawn(accept(listener)));
    auto close_it = [](io::listener which) -> task<void> {
      which.close();
      co_return;
    };
    co_await sleep(5ms);
    co_await spawn(close_it(listener));
    const auto closed = [&](const std::system_error& error) {
      return error.code() == std::errc::operation_canceled &&
             std::string(error.what()).find("listener \"door\" at " + where + " was closed") !=
                 std::string::npos;
    };
    for (auto& each : waiting) BOOST_CHECK_EXCEPTION(co_await each, std::system_error, closed);
    BOOST_CHECK_EXCEPTION((void)co_await listener.accept(), std::system_error, closed);
    BOOST_TEST(listener.closed());
    BOOST_CHECK_THROW(co_await io::connect(where), std::system_error);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    each_accept_has_its_own_limit_and_clients_go_to_the_others_in_order) {  // covers TCP-015
  live_stage s;
  auto main = [&]() -> task<void> {
    auto listener = co_await io::listen("127.0.0.1:0");
    journal notes;
    const auto limited = [](task<void> what, duration limit) -> task<void> {
      co_await wait_for(std::move(what), limit);
    };
    auto first = spawn(accept_as("first", listener, &notes));
    co_await yield();
    auto brief = spawn(limited(accept_as("brief", listener, &notes), 20ms));
    co_await yield();
    auto briefer = spawn(limited(accept_as("briefer", listener, &notes), 10ms));
    co_await yield();
    auto second = spawn(accept_as("second", listener, &notes));
    co_await yield();
    BOOST_CHECK_THROW(co_await briefer, timeout_error);
    BOOST_TEST(!brief.done());
    BOOST_CHECK_THROW(co_await brief, timeout_error);
    auto one = co_await io::connect(listener.local().to_string());
    BOOST_TEST(co_await one.read() == "first");
    auto two = co_await io::connect(listener.local().to_string());
    BOOST_TEST(co_await two.read() == "second");
    co_await first;
    co_await second;
    BOOST_CHECK((notes == journal{"first", "second"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    who_dies_or_is_cancelled_in_an_accept_gives_its_place_back) {  // covers TCP-016
  for (const bool killed : {false, true}) {
    live_stage s;
    auto main = [&]() -> task<void> {
      auto listener = co_await io::listen("127.0.0.1:0");
      journal notes;
      auto doomed = spawn(accept_as("doomed", listener, &notes));
      co_await yield();
      auto next = spawn(accept_as("next", listener, &notes));
      co_await yield();
      if (killed)
        caf::anon_send_exit(doomed.actor(), caf::exit_reason::kill);
      else
        doomed.cancel();
      co_await until([&] { return doomed.done(); }, "the first to end");
      auto client = co_await io::connect(listener.local().to_string());
      BOOST_TEST(co_await client.read() == "next");
      co_await next;
      BOOST_CHECK((notes == journal{"next"}));
      (void)doomed.exception();
    };
    s.run(main());
  }
}

void end_at_one_moment(bool killed) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto listener = co_await io::listen("127.0.0.1:0");
    int served = 0;
    // However the moments fall: each client is served by somebody.
    const auto serve_some = [](io::listener from, int* count) -> task<void> {
      for (;;) {
        auto client = co_await from.accept();
        ++*count;
        co_await client.write("x");
      }
    };
    for (int round = 0; round != 40; ++round) {
      auto worker = spawn(serve_some(listener, &served));
      const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const auto where = listener.local();
      BOOST_REQUIRE(::connect(socket, where.data(), where.size()) == 0);
      for (int i = 0; i != round % 5; ++i) co_await yield();
      if (killed)
        caf::anon_send_exit(worker.actor(), caf::exit_reason::kill);
      else
        worker.cancel();
      co_await until([&] { return worker.done(); }, "the end of who served");
      (void)worker.exception();
      if (served == round) {  // nobody had it: it is still there
        auto client = co_await wait_for(listener.accept(), 5s);
        ++served;
        co_await client.write("x");
      }
      char byte = 0;
      BOOST_TEST(::recv(socket, &byte, 1, 0) == 1);
      ::close(socket);
      BOOST_TEST(served == round + 1);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_client_and_a_cancellation_at_one_moment_lose_nobody) {
  end_at_one_moment(false);
}
BOOST_AUTO_TEST_CASE(a_client_and_a_death_at_one_moment_lose_nobody) { end_at_one_moment(true); }

BOOST_AUTO_TEST_CASE(
    an_accept_that_took_too_long_leaves_a_listener_that_can_be_closed) {  // covers SOC-011
  live_stage s;
  auto main = [&]() -> task<void> {
    auto listener = co_await io::listen("127.0.0.1:0");
    const auto where = listener.local().to_string();
    BOOST_CHECK_THROW((void)co_await wait_for(listener.accept(), 5ms), timeout_error);
    listener.close();
    BOOST_CHECK_EXCEPTION(co_await io::connect(where), std::system_error, [](const auto& error) {
      return error.code() == std::errc::connection_refused;
    });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_client_that_somebody_else_was_quicker_to_take_is_no_error) {  // covers BAS-039
  live_stage s;
  auto main = [&]() -> task<void> {
    // Two listeners of one socket: both hear of each client, and one of them finds nobody.
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto any = io::address::parse("127.0.0.1", 0);
    BOOST_REQUIRE(::bind(socket, any.data(), any.size()) == 0);
    auto one = co_await io::listen(::dup(socket));
    auto other = co_await io::listen(socket);
    journal notes;
    auto first = spawn(accept_as("one", one, &notes));
    auto second = spawn(accept_as("other", other, &notes));
    co_await yield();
    const auto where = one.local().to_string();
    auto client = co_await io::connect(where);
    const auto name = co_await client.read();
    BOOST_TEST(notes.size() == 1U);
    BOOST_TEST(first.done() != second.done());
    auto later = co_await io::connect(where);
    // Whoever it was: the other one is still there, and gets this one.
    BOOST_TEST(co_await later.read() == (name == "one" ? "other" : "one"));
    co_await first;
    co_await second;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_end_of_a_stream_is_seen_at_once_behind_the_data) {  // covers TCP-004
  live_stage s;
  auto main = [&]() -> task<void> {
    auto listener = co_await io::listen("127.0.0.1:0");
    auto client = co_await io::connect(listener.local().to_string());
    auto served = co_await listener.accept();
    co_await served.write("last words");
    served.close();
    const auto begun = std::chrono::steady_clock::now();
    BOOST_TEST(co_await client.read_exactly(10) == "last words");
    BOOST_TEST(co_await client.read() == "");
    BOOST_CHECK(std::chrono::steady_clock::now() - begun < 500ms);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(at_the_shutdown_who_waits_in_accept_is_cancelled_and_not_told_of_a_failure) {
  live_stage s;
  bool cancelled_there = false;
  auto main = [&]() -> task<void> {
    auto listener = co_await io::listen("127.0.0.1:0");
    const auto wait = [](io::listener from, bool* flag) -> task<void> {
      try {
        (void)co_await from.accept();
      } catch (const cancelled&) {
        *flag = true;
        throw;
      }
    };
    (void)spawn(wait(listener, &cancelled_there));
    co_await yield();
  };
  s.run(main());
  s.runtime.shutdown();
  BOOST_TEST(cancelled_there);
}

BOOST_AUTO_TEST_CASE(the_last_handle_closes_it) {
  live_stage s;
  auto main = [&]() -> task<void> {
    std::string where;
    {
      auto listener = co_await io::listen("127.0.0.1:0");
      where = listener.local().to_string();
      auto copy = listener;
    }
    BOOST_CHECK_THROW(co_await io::connect(where), std::system_error);
    BOOST_CHECK_THROW((void)io::listener().accept(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
