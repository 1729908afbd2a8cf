// Names to addresses.
#include <buskin/io/resolve.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>

#include <algorithm>
#include <string>
#include <system_error>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using io::host_port;

task<std::vector<io::address>> look_up(std::string host, std::uint16_t port) {
  co_return co_await io::resolve({host, port});
}

/// .invalid never exists (RFC 6761), and a label longer than 63 characters is refused without
/// asking anybody.
std::string impossible_name() { return std::string(70, 'x') + ".invalid"; }

BOOST_AUTO_TEST_SUITE(resolve_)

BOOST_AUTO_TEST_CASE(host_and_port_are_taken_apart_and_put_together) {
  for (const std::string text :
       {"127.0.0.1:80", "[::1]:8080", ":0", "a.host.example:65535", "[fe80::1%lo]:1"})
    BOOST_TEST(host_port::parse(text).to_string() == text);
  BOOST_TEST(host_port::parse("[::1]:8080").host == "::1");
  BOOST_TEST(host_port::parse("[::1]:8080").port == 8080);
  BOOST_TEST(host_port::parse(":7070").host == "");
}

BOOST_AUTO_TEST_CASE(numbers_are_translated_at_once) {
  live_stage s;
  auto main = [&]() -> task<void> {
    const auto four = co_await io::resolve({"192.0.2.7", 80});
    BOOST_REQUIRE(four.size() == 1U);
    BOOST_TEST(four[0].to_string() == "192.0.2.7:80");
    BOOST_TEST(four[0].family() == AF_INET);
    BOOST_TEST(four[0].port() == 80);
    const auto six = co_await io::resolve({"2001:db8::1", 443});
    BOOST_REQUIRE(six.size() == 1U);
    BOOST_TEST(six[0].to_string() == "[2001:db8::1]:443");
    BOOST_TEST(six[0].family() == AF_INET6);
    BOOST_TEST(io::address().to_string() == "(no address)");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(no_host_means_all_addresses_when_listening_and_this_machine_when_connecting) {
  live_stage s;
  auto main = [&]() -> task<void> {
    for (const auto& each : co_await io::resolve({"", 80}, io::resolve_for::listening))
      BOOST_TEST((each.to_string() == "0.0.0.0:80" || each.to_string() == "[::]:80"),
                 each.to_string());
    for (const auto& each : co_await io::resolve({"", 80}, io::resolve_for::connecting))
      BOOST_TEST((each.to_string() == "127.0.0.1:80" || each.to_string() == "[::1]:80"),
                 each.to_string());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(localhost_is_this_machine) {
  live_stage s;
  auto main = [&]() -> task<void> {
    const auto found = co_await io::resolve({"localhost", 1});
    BOOST_TEST(!found.empty());
    for (const auto& each : found)
      BOOST_TEST((each.to_string() == "127.0.0.1:1" || each.to_string() == "[::1]:1"),
                 each.to_string());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_name_that_does_not_exist_is_in_the_text) {
  live_stage s;
  auto main = [&]() -> task<void> {
    const std::string host = impossible_name();
    BOOST_CHECK_EXCEPTION(
        co_await io::resolve({host, 80}), std::system_error, [&](const auto& error) {
          return error.code() == std::errc::address_not_available &&
                 std::string(error.what())
                     .starts_with("cannot find the address of \"" + host + "\": ");
        });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_lookup_lets_go_at_once) {
  live_stage s;
  auto main = [&]() -> task<void> {
    const auto descriptors = buskin::test::open_descriptors();
    std::vector<task_handle<std::vector<io::address>>> lookups;
    for (int i = 0; i != 20; ++i) lookups.push_back(spawn(look_up(impossible_name(), 80)));
    const auto began = std::chrono::steady_clock::now();
    for (auto& each : lookups) each.cancel();
    int let_go = 0;
    for (auto& each : lookups) {
      try {
        co_await each;
      } catch (const cancelled&) {
        ++let_go;
      } catch (const std::system_error&) {  // the answer was quicker
      }
    }
    BOOST_TEST(let_go > 0);
    BOOST_TEST((std::chrono::steady_clock::now() - began < 1s));
    // The lookups that were let go end in their own time.
    co_await buskin::test::until([&] { return buskin::test::open_descriptors() <= descriptors; },
                                 "the system's lookups to end");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(many_lookups_at_a_time_all_end) {
  live_stage s(runtime_options{.workers = 2});
  auto main = [&]() -> task<void> {
    std::vector<task_handle<std::vector<io::address>>> lookups;
    for (int i = 0; i != 50; ++i)
      lookups.push_back(spawn(look_up("localhost", static_cast<std::uint16_t>(i))));
    for (int i = 0; i != 50; ++i) {
      const auto found = co_await lookups[static_cast<std::size_t>(i)];
      BOOST_REQUIRE(!found.empty());
      BOOST_TEST(found[0].port() == i);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
