// Connecting: options, literal addresses, failures. The race is in connect_race_test.
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/detail/lookup.hpp>
#include <buskin/io/listener.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/full_listener.hpp"
#include "io/live_stage.hpp"
#include "io/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::full_listener;
using buskin::test::live_stage;
using buskin::test::mentions;
using buskin::test::until;

task<void> greet(io::connection client) { co_await client.write("hello"); }

int option_of(int socket, int level, int which) {
  int value = 0;
  socklen_t size = sizeof value;
  BOOST_REQUIRE(::getsockopt(socket, level, which, &value, &size) == 0);
  return value;
}

/// Names are looked up in `answers` until the end of the scope; how often is counted.
class own_names {
 public:
  explicit own_names(std::vector<io::address> answers) : answers_(std::move(answers)) {
    before_ = io::detail::exchange_lookup([this](const io::detail::lookup_key&) {
      ++asked;
      return io::detail::lookup_answer{answers_};
    });
  }
  ~own_names() { io::detail::exchange_lookup(before_); }
  own_names(const own_names&) = delete;
  own_names& operator=(const own_names&) = delete;
  std::atomic<int> asked = 0;

 private:
  const std::vector<io::address> answers_;
  io::detail::lookup_function before_;
};

BOOST_AUTO_TEST_SUITE(connect_)

// -- where from ---------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_chosen_local_address_is_used) {  // covers EVT-010
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", greet);
    auto client = co_await io::connect(server.local().to_string(), {.local = "127.0.0.77:0"});
    BOOST_TEST(client.local().to_string().starts_with("127.0.0.77:"));
    BOOST_TEST(co_await client.read() == "hello");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_local_address_of_another_family_leaves_out_what_it_does_not_fit) {  // covers EVT-011
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", greet);
    const own_names names({io::address::parse("::1", 0), io::address::parse("127.0.0.1", 0)});
    const std::string where = "example.invalid:" + std::to_string(server.port());
    {
      auto client = co_await io::connect(where, {.local = "127.0.0.1:0"});
      BOOST_TEST(co_await client.read() == "hello");
    }
    BOOST_CHECK_EXCEPTION(co_await io::connect(server.local().to_string(), {.local = "[::1]:0"}),
                          std::system_error, [&](const auto& error) {
                            return error.code() == std::errc::address_family_not_supported &&
                                   mentions(error, "from [::1]:0");
                          });
    server.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_local_address_in_use_is_named) {  // covers EVT-011
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", greet);
    auto other = co_await io::listen("127.0.0.1:0");
    const auto taken = other.local().to_string();
    BOOST_CHECK_EXCEPTION(co_await io::connect(server.local().to_string(), {.local = taken}),
                          std::system_error, [&](const auto& error) {
                            return error.code() == std::errc::address_in_use &&
                                   mentions(error, "from " + taken);
                          });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_local_or_remote_name_without_addresses_is_an_error_of_the_system) {  // covers BAS-033
  live_stage s;
  auto main = [&]() -> task<void> {
    const own_names names({});
    const auto no_address = [](const std::system_error& error) {
      return error.code() == std::errc::address_not_available &&
             mentions(error, "\"nowhere.invalid\"");
    };
    BOOST_CHECK_EXCEPTION(co_await io::connect("nowhere.invalid:80"), std::system_error,
                          no_address);
    BOOST_CHECK_EXCEPTION(co_await io::connect("127.0.0.1:80", {.local = "nowhere.invalid:0"}),
                          std::system_error, no_address);
  };
  s.run(main());
}

// -- literal addresses --------------------------------------------------------------------------

bool has_six() {
  const auto where = io::address::parse("::1", 0);
  const int probe = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool there = probe >= 0 && ::bind(probe, where.data(), where.size()) == 0;
  if (probe >= 0) ::close(probe);
  if (!there) BOOST_TEST_MESSAGE("left out: this machine has no ::1");
  return there;
}

BOOST_AUTO_TEST_CASE(a_literal_address_is_connected_to_without_asking_anybody) {  // covers BAS-001
  live_stage s;
  auto main = [&]() -> task<void> {
    const own_names names({});
    std::vector<std::string> hosts{"127.0.0.1", "127.0.0.5"};
    if (has_six()) hosts.push_back("[::1]");
    for (const auto& host : hosts) {
      auto server = co_await io::serve(host + ":0", greet);
      auto client = co_await io::connect(host + ":" + std::to_string(server.port()));
      BOOST_CHECK(client.peer() == server.local());
      BOOST_TEST(co_await client.read() == "hello");
    }
    BOOST_TEST(names.asked == 0);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_port_can_be_a_services_name) {  // covers BAS-001
  live_stage s;
  auto main = [&]() -> task<void> {
    const own_names names({});
    // Nobody is there, most likely: the text says what was tried.
    const auto found = co_await io::resolve(io::host_port::parse("127.0.0.1:http"));
    BOOST_REQUIRE(found.size() == 1U);
    BOOST_TEST(found.front().to_string() == "127.0.0.1:80");
    const auto scoped = co_await io::resolve(io::host_port::parse("[fe80::1%lo]:https"));
    BOOST_REQUIRE(scoped.size() == 1U);
    BOOST_TEST(scoped.front().to_string() == "[fe80::1%lo]:443");
    BOOST_TEST(names.asked == 0);
    BOOST_CHECK_EXCEPTION(
        co_await io::connect("127.0.0.1:no-such-service"), std::system_error,
        [](const auto& error) { return mentions(error, "the port of \"no-such-service\""); });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(addresses_are_compared_with_their_scopes) {
  const auto plain = io::address::parse("fe80::1", 1);
  const auto scoped = io::address::parse("fe80::1%lo", 1);
  BOOST_CHECK(!(plain == scoped));
  BOOST_CHECK(scoped == io::address::parse("fe80::1%1", 1));
  BOOST_TEST(plain.to_string() == "[fe80::1]:1");
  BOOST_CHECK_THROW(io::address::parse("fe80::1%nothing", 1), std::invalid_argument);
  BOOST_CHECK(io::address::of_path("/a") == io::address::of_path("/a"));
  BOOST_CHECK(!(io::address::of_path("/a") == io::address::of_path("@/a")));
  BOOST_TEST(io::address::of_path("@a").path() == "@a");
}

// -- several addresses --------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_dead_first_address_is_passed_over) {  // covers TRI-040
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", greet);
    const own_names names({io::address::parse("127.0.0.2", 0), io::address::parse("127.0.0.1", 0)});
    const auto where = "example.invalid:" + std::to_string(server.port());
    {
      auto client = co_await io::connect(where);
      BOOST_TEST(co_await client.read() == "hello");
    }
    server.close();
    BOOST_CHECK_EXCEPTION(co_await io::connect(where), std::system_error, [&](const auto& error) {
      return error.code() == std::errc::connection_refused && mentions(error, where) &&
             mentions(error, "127.0.0.1:") && mentions(error, "127.0.0.2:");
    });
  };
  s.run(main());
}

// -- options and ends ---------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(options_of_the_socket_are_set) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto listener = co_await io::listen("127.0.0.1:0");
    const auto where = listener.local().to_string();
    for (const bool on : {false, true}) {
      auto client = co_await io::connect(where, {.no_delay = on, .keep_alive = on});
      BOOST_TEST((option_of(client.descriptor(), IPPROTO_TCP, TCP_NODELAY) != 0) == on);
      BOOST_TEST((option_of(client.descriptor(), SOL_SOCKET, SO_KEEPALIVE) != 0) == on);
    }
  };
  s.run(main());
}

// T2, T17
BOOST_AUTO_TEST_CASE(a_silent_peer_is_given_up_after_the_time_that_is_set) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto listener = co_await io::listen("127.0.0.1:0", {.peer_timeout = 16s});
    const auto where = listener.local().to_string();
    auto client = co_await io::connect(where, {.peer_timeout = 2500ms});
    auto served = co_await listener.accept();
    BOOST_TEST(option_of(client.descriptor(), SOL_SOCKET, SO_KEEPALIVE) != 0);
    BOOST_TEST(option_of(client.descriptor(), IPPROTO_TCP, TCP_USER_TIMEOUT) == 2500);
    BOOST_TEST(option_of(client.descriptor(), IPPROTO_TCP, TCP_KEEPIDLE) == 2);
    BOOST_TEST(option_of(client.descriptor(), IPPROTO_TCP, TCP_KEEPINTVL) == 1);
    BOOST_TEST(option_of(served.descriptor(), IPPROTO_TCP, TCP_USER_TIMEOUT) == 16'000);
    BOOST_TEST(option_of(served.descriptor(), IPPROTO_TCP, TCP_KEEPIDLE) == 8);
    BOOST_TEST(option_of(served.descriptor(), IPPROTO_TCP, TCP_KEEPINTVL) == 2);
    const auto handler = [](io::connection) -> task<void> { co_return; };
    for (const auto wrong : {999ms, std::chrono::milliseconds(9h)}) {
      BOOST_CHECK_THROW(co_await io::connect(where, {.peer_timeout = wrong}),
                        std::invalid_argument);
      BOOST_CHECK_THROW(co_await io::listen(where, {.peer_timeout = wrong}), std::invalid_argument);
      BOOST_CHECK_THROW(co_await io::serve(where, handler, {.peer_timeout = wrong}),
                        std::invalid_argument);
    }
  };
  s.run(main());
}

// covers BAS-029, SOC-004
BOOST_AUTO_TEST_CASE(a_connect_that_was_broken_off_closes_its_socket_and_can_be_tried_again) {
  live_stage s;
  auto main = [&]() -> task<void> {
    const full_listener busy;
    BOOST_CHECK_THROW(co_await wait_for(io::connect(busy.where()), 20ms), timeout_error);
    auto attempt = spawn(io::connect(busy.where()));
    co_await yield();
    attempt.cancel();
    BOOST_CHECK_THROW(co_await attempt, cancelled);
    // And one after that gets in when there is room: the system asks again after a second.
    auto again = spawn(io::connect(busy.where()));
    co_await yield();
    const auto let_in = [&] {
      busy.make_room();
      return again.done();
    };
    co_await until(let_in, "the attempt to get in");
    auto client = co_await again;
    BOOST_TEST(static_cast<bool>(client));
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
