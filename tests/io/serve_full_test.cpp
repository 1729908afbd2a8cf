// Servers that run out of descriptors.
#include <buskin/io/connection.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/line_echo_server.hpp"
#include "io/live_stage.hpp"
#include "support/child_process.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
#define BUSKIN_TEST_NEEDS_DESCRIPTORS \
  1  // the sanitizer itself opens pipes, and takes their failure for a bad object
#endif
#endif

#ifndef BUSKIN_TEST_NEEDS_DESCRIPTORS

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::ask;
using buskin::test::echo_lines;
using buskin::test::echo_server;
using buskin::test::live_stage;
using buskin::test::until;

BOOST_AUTO_TEST_SUITE(serve_full_)

/// Fewer descriptors than usual, until the end of the scope.
class few_descriptors {
 public:
  explicit few_descriptors(rlim_t more) {
    BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int highest = ::dup(0);
    ::close(highest);
    rlimit low = before_;
    low.rlim_cur = static_cast<rlim_t>(highest) + more;
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  }
  ~few_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  few_descriptors(const few_descriptors&) = delete;
  few_descriptors& operator=(const few_descriptors&) = delete;

 private:
  rlimit before_{};
};

std::chrono::microseconds cpu_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto time = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return time(used.ru_utime) + time(used.ru_stime);
}

// T9
BOOST_AUTO_TEST_CASE(
    out_of_descriptors_a_server_says_so_once_serves_on_and_accepts_again) {  // covers TCP-018
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await echo_server({.name = "crowded"});
    const auto where = server.local().to_string();
    auto first = co_await io::connect(where);
    BOOST_TEST(co_await ask(first, "one\n") == "one\n");
    std::vector<io::connection> late;
    {
      // Room for five client sockets, which take it all: none is left for the server's ends of
      // them.
      few_descriptors limit(6);
      std::vector<int> room;
      for (int one = ::dup(0); one >= 0; one = ::dup(0)) room.push_back(one);
      for (int i = 0; i != 3; ++i) {
        ::close(room.back());
        room.pop_back();
        late.push_back(co_await io::connect(where));
      }
      co_await until([&] { return s.incidents() == 1; }, "the complaint");
      const auto cpu = cpu_time();
      const auto sleeps = s.runtime.sleeps();
      co_await sleep(600ms);
      BOOST_TEST((cpu_time() - cpu < 200ms),
                 "CPU used in 600 ms: " << (cpu_time() - cpu).count() << " us");
      BOOST_TEST(s.runtime.sleeps() - sleeps < 40U);
      BOOST_TEST(co_await ask(first, "two\n") == "two\n");
      BOOST_TEST(server.connections() == 1U);
      for (const int one : room) ::close(one);
    }
    for (auto& each : late) BOOST_TEST(co_await ask(each, "late\n") == "late\n");
    BOOST_TEST(server.connections() == 4U);
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK020");
  BOOST_TEST(incidents[0].text.find("crowded") != std::string::npos, incidents[0].text);
  BOOST_TEST(incidents[0].text.find("Too many open files") != std::string::npos, incidents[0].text);
}

BOOST_AUTO_TEST_CASE(a_client_that_finds_room_between_others_that_find_none_makes_no_new_shortage) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await echo_server();
    const auto where = server.local().to_string();
    auto first = co_await io::connect(where);
    BOOST_TEST(co_await ask(first, "one\n") == "one\n");
    few_descriptors limit(6);
    std::vector<int> room;
    for (int one = ::dup(0); one >= 0; one = ::dup(0)) room.push_back(one);
    const auto make_room = [&] {
      ::close(room.back());
      room.pop_back();
    };
    std::vector<io::connection> late;
    for (int i = 0; i != 3; ++i) {
      make_room();
      late.push_back(co_await io::connect(where));
    }
    co_await until([&] { return s.incidents() == 1; }, "the complaint");
    for (std::size_t i = 0; i != 3; ++i) {
      make_room();
      co_await until([&] { return server.connections() == 2 + i; }, "one of them to be let in");
    }
    BOOST_TEST(s.take_incidents().size() == 1U);
    for (const int one : room) ::close(one);
  };
  s.run(main());
}

/// Makes `count` clients at a time; on a word lets all but ten go, and wants those to be served
/// then. The exit code says which step went wrong.
int storm_in_a_child(int from_parent, int count, const std::function<void()>& ready) {
  std::uint16_t port = 0;
  if (::read(from_parent, &port, sizeof port) != sizeof port) return 1;
  const auto where = io::address::parse("127.0.0.1", port);
  std::vector<int> clients;
  for (int i = 0; i != count; ++i) {
    clients.push_back(::socket(AF_INET, SOCK_STREAM, 0));
    if (::connect(clients.back(), where.data(), where.size()) != 0) return 2;
  }
  ready();
  char word = 0;
  if (::read(from_parent, &word, 1) != 1) return 3;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i != count - 10; ++i) ::close(clients[static_cast<std::size_t>(i)]);
  for (int i = count - 10; i != count; ++i) {
    const int client = clients[static_cast<std::size_t>(i)];
    if (::send(client, "me\n", 3, MSG_NOSIGNAL) != 3) return 4;
    char answer[3];
    if (::recv(client, answer, sizeof answer, MSG_WAITALL) != 3) return 5;
  }
  // Much less than a second where nothing else runs.
  return std::chrono::steady_clock::now() - begun < 5s ? 0 : 6;
}

void storm(rlim_t descriptors, int count) {
  int to_child[2];
  BOOST_REQUIRE(::pipe2(to_child, O_CLOEXEC) == 0);
  test::child_process crowd(
      [&](auto&& ready) { return storm_in_a_child(to_child[0], count, ready); });
  live_stage s;
  auto main = [&]() -> task<void> {
    int served = 0;
    auto handler = [&served](io::connection client) -> task<void> {
      co_await echo_lines(std::move(client));
      ++served;
    };
    auto server = co_await io::serve("127.0.0.1:0", handler);
    few_descriptors limit(descriptors);
    const auto port = server.port();
    BOOST_REQUIRE(::write(to_child[1], &port, sizeof port) == sizeof port);
    co_await until([&] { return s.incidents() == 1; }, "the complaint");
    crowd.await_ready();
    const auto cpu = cpu_time();
    const auto sleeps = s.runtime.sleeps();
    co_await sleep(500ms);
    BOOST_TEST((cpu_time() - cpu < 100ms), "CPU: " << (cpu_time() - cpu).count() << " us");
    BOOST_TEST(s.runtime.sleeps() - sleeps < 40U);
    BOOST_TEST(server.connections() <= descriptors);
    BOOST_REQUIRE(::write(to_child[1], "g", 1) == 1);
    co_await until([&] { return served == count; }, "all to be served and gone");
  };
  s.run(main());
  BOOST_TEST(crowd.wait() == 0);
  for (const auto& what : s.take_incidents()) BOOST_TEST(what.code == "BK020");
  for (const int end : to_child) ::close(end);
}

// T9
BOOST_AUTO_TEST_CASE(a_storm_of_more_clients_than_descriptors_is_weathered) {
  storm(64, 200);
  storm(256, 400);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

#endif
