// What a network does to servers, clients and names, in a network of the test's own.
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/resolve.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/full_listener.hpp"
#include "io/live_stage.hpp"
#include "io/name_server.hpp"
#include "io/private_network.hpp"

#include <boost/test/unit_test.hpp>

#include <netdb.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::full_listener;
using buskin::test::live_stage;
using buskin::test::mentions;
using buskin::test::name_server;
using buskin::test::private_network;
using std::chrono::steady_clock;

const std::string our_server = "nameserver 127.0.0.9\n";

task<void> greet(io::connection client) { co_await client.write("hello"); }

/// The code of what `what` fails with; 0 when it does not.
template <class T>
task<std::error_code> code_of(task<T> what) {
  try {
    (void)co_await std::move(what);
  } catch (const std::system_error& error) {
    BOOST_TEST_MESSAGE(error.what());
    co_return error.code();
  }
  co_return std::error_code();
}

task<std::vector<io::address>> look_up(std::string host) {
  co_return co_await io::resolve({std::move(host), 80});
}

BOOST_AUTO_TEST_SUITE(network_)

// -- connecting ---------------------------------------------------------------------------------

// T5
BOOST_AUTO_TEST_CASE(refused_unreachable_and_swallowed_are_told_apart) {
  if (const private_network inside; !inside) return;
  live_stage s;
  auto main = [&]() -> task<void> {
    const full_listener hole;
    const auto refused = co_await code_of(io::connect("127.0.0.1:9"));
    BOOST_CHECK(refused == std::errc::connection_refused);
    const auto unreachable = co_await code_of(io::connect("198.51.100.1:80"));  // no way there
    BOOST_CHECK(unreachable == std::errc::network_unreachable);
    const auto begun = steady_clock::now();
    BOOST_CHECK_THROW(co_await wait_for(io::connect(hole.where()), 100ms), timeout_error);
    const auto took = steady_clock::now() - begun;
    BOOST_CHECK(took >= 100ms);
    BOOST_CHECK(took < 1s);  // the system would try for minutes
  };
  s.run(main());
}

// -- listening ----------------------------------------------------------------------------------

// T12
BOOST_AUTO_TEST_CASE(where_nobody_can_listen_is_named_with_the_reason) {
  if (const private_network inside; !inside) return;
  live_stage s;
  auto main = [&]() -> task<void> {
    BOOST_CHECK_EXCEPTION(co_await io::serve("198.51.100.1:7070", greet), std::system_error,
                          [](const auto& error) {
                            return error.code() == std::errc::address_not_available &&
                                   mentions(error, "cannot listen at 198.51.100.1:7070");
                          });
    BOOST_REQUIRE(::seteuid(65534) == 0);
    BOOST_CHECK_EXCEPTION(co_await io::serve("127.0.0.1:80", greet), std::system_error,
                          [](const auto& error) {
                            return error.code() == std::errc::permission_denied &&
                                   mentions(error, "cannot listen at 127.0.0.1:80");
                          });
    BOOST_REQUIRE(::seteuid(0) == 0);
  };
  s.run(main());
}

// T12
BOOST_AUTO_TEST_CASE(without_ipv6_a_server_of_both_families_is_at_ipv4) {
  if (const private_network inside(our_server); !inside) return;
  std::ofstream("/proc/sys/net/ipv6/conf/all/disable_ipv6") << "1\n";
  const name_server names({{"both.example", {.four = {"127.0.0.1"}, .six = {"::1"}}}});
  live_stage s;
  auto main = [&]() -> task<void> {
    for (const std::string host : {"both.example", ""}) {
      auto server = co_await io::serve(host + ":0", greet);
      if (!host.empty()) BOOST_TEST(server.addresses().size() == 1U);
      auto client = co_await io::connect("127.0.0.1:" + std::to_string(server.port()));
      BOOST_TEST(co_await client.read() == "hello");
    }
    BOOST_CHECK_EXCEPTION(
        co_await io::serve("[::1]:0", greet), std::system_error, [](const auto& error) {
          return error.code() == std::errc::address_not_available && mentions(error, "[::1]:0");
        });
  };
  s.run(main());
}

// -- names --------------------------------------------------------------------------------------

// T14
BOOST_AUTO_TEST_CASE(a_dead_name_server_delays_nobody_else) {
  if (const private_network inside(our_server); !inside) return;
  const name_server silent{name_server::dead()};
  runtime owner;  // and no live_stage: what is stuck keeps its descriptors
  auto main = [&]() -> task<void> {
    std::vector<task_handle<std::vector<io::address>>> stuck;
    for (int i = 0; i != 8; ++i)
      stuck.push_back(spawn(look_up("host" + std::to_string(i) + ".example")));
    co_await sleep(20ms);
    auto begun = steady_clock::now();
    BOOST_TEST(!(co_await look_up("localhost")).empty());
    BOOST_TEST(!(co_await look_up("127.0.0.1")).empty());
    BOOST_CHECK(steady_clock::now() - begun < 250ms);

    begun = steady_clock::now();
    stuck[0].cancel();
    BOOST_CHECK_THROW(co_await stuck[0], cancelled);
    BOOST_CHECK(steady_clock::now() - begun < 250ms);
    for (std::size_t i = 1; i != stuck.size(); ++i) BOOST_TEST(!stuck[i].done());
  };
  owner.run_until_complete(main());
  const auto& report = owner.shutdown();  // with seven look-ups under way
  BOOST_TEST(report.clean());
  BOOST_CHECK(report.took < 500ms);
}

// T15
BOOST_AUTO_TEST_CASE(what_a_name_server_says_is_told_apart_and_bounded) {
  if (const private_network inside(our_server); !inside) return;
  std::vector<std::string> hundred;
  for (int i = 1; i != 101; ++i) hundred.push_back("192.0.2." + std::to_string(i));
  const name_server names({{"many.example", {.four = hundred}},
                           {"one.example", {.four = {"192.0.2.1"}}},
                           {"alias.example", {.four = {"192.0.2.2"}, .alias = "real.example"}},
                           {"chicken.example", {.alias = "egg.example"}},
                           {"egg.example", {.alias = "chicken.example"}},
                           {"broken.example", {.failure = 2}}});
  live_stage s;
  auto main = [&]() -> task<void> {
    BOOST_TEST((co_await look_up("one.example")).size() == 1U);
    BOOST_TEST((co_await look_up("alias.example")).size() == 1U);
    BOOST_TEST((co_await look_up("many.example")).size() == 64U);
    const auto missing = co_await code_of(look_up("missing.example"));
    BOOST_TEST(missing.value() == EAI_NONAME);
    BOOST_CHECK(missing == std::errc::address_not_available);
    const auto broken = co_await code_of(look_up("broken.example"));
    BOOST_TEST(broken.value() == EAI_AGAIN);
    const auto circle = co_await code_of(look_up("chicken.example"));
    BOOST_CHECK(circle);
    BOOST_CHECK(circle == std::errc::address_not_available);
  };
  s.run(main());
}

task<void> connect_past(io::address dead, io::address alive, std::string host) {
  const full_listener hole(dead);
  alive.set_port(hole.local().port());
  auto server = co_await io::serve(alive.to_string(), greet);
  const auto begun = steady_clock::now();
  auto client = co_await io::connect(host + ":" + std::to_string(server.port()));
  const auto took = steady_clock::now() - begun;
  BOOST_CHECK(client.peer() == server.local());
  BOOST_CHECK(took >= 240ms);         // it was tried
  BOOST_CHECK(took < 250ms + 1500ms);  // and not for long
}

// T15
BOOST_AUTO_TEST_CASE(a_dead_address_before_a_live_one_costs_a_moment) {
  if (const private_network inside(our_server); !inside) return;
  const name_server names({{"two.example", {.four = {"127.0.0.2", "127.0.0.3"}}},
                           {"both.example", {.four = {"127.0.0.1"}, .six = {"::1"}}}});
  live_stage s;
  auto main = [&]() -> task<void> {
    for (const std::string host : {"two.example", "both.example"}) {
      const auto found = co_await io::resolve({host, 0});
      BOOST_REQUIRE(found.size() == 2U);
      if (host == "both.example") BOOST_TEST(found[0].family() == AF_INET6);
      co_await connect_past(found[0], found[1], host);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
