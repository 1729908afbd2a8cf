// Names to addresses.
#include <buskin/io/resolve.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/io/detail/lookup.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"

#include <boost/test/unit_test.hpp>

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

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
  for (const std::string text : {"127.0.0.1:80", "[::1]:8080", ":0", "a.host.example:65535",
                                 "[fe80::1%lo]:1", "localhost:http"})
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

// -- look-ups that are shared -------------------------------------------------------------------

/// Answers in place of the system when the test says so, until the end of the scope.
class held_names {
 public:
  held_names() {
    before_ = io::detail::exchange_lookup([this](const io::detail::lookup_key& what) {
      std::unique_lock lock(mutex_);
      ++asked_;
      news_.wait(lock, [this] { return open_; });
      ++answered_;
      if (what.host.starts_with("missing")) return io::detail::lookup_answer{{}, EAI_NONAME, 0};
      return io::detail::lookup_answer{
          {io::address::parse("192.0.2.1", 0), io::address::parse("2001:db8::1", 0)}};
    });
  }
  ~held_names() {
    let_go();
    io::detail::exchange_lookup(before_);
    while (answered_ != asked_) std::this_thread::yield();
  }
  held_names(const held_names&) = delete;
  held_names& operator=(const held_names&) = delete;

  int asked() const noexcept { return asked_; }
  void let_go() {
    std::lock_guard lock(mutex_);
    open_ = true;
    news_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable news_;
  bool open_ = false;  // guarded by mutex_
  std::atomic<int> asked_ = 0;
  std::atomic<int> answered_ = 0;
  io::detail::lookup_function before_;
};

BOOST_AUTO_TEST_CASE(
    who_asks_for_a_name_that_is_asked_for_shares_the_answer) {  // covers AIO-019, AIO-022
  live_stage s(runtime_options{.workers = 2});
  auto main = [&]() -> task<void> {
    held_names names;
    std::vector<task_handle<std::vector<io::address>>> lookups;
    for (std::uint16_t port = 1; port != 21; ++port)
      lookups.push_back(spawn(look_up("shared.invalid", port)));
    co_await buskin::test::until([&] { return names.asked() == 1; }, "the question");
    BOOST_TEST(!lookups[0].done());  // and meanwhile the loop goes on
    names.let_go();
    for (std::uint16_t port = 1; port != 21; ++port) {
      const auto found = co_await lookups[port - 1U];
      BOOST_REQUIRE(found.size() == 2U);
      BOOST_TEST(found[0].to_string() == "192.0.2.1:" + std::to_string(port));
      BOOST_TEST(found[1].to_string() == "[2001:db8::1]:" + std::to_string(port));
    }
    BOOST_TEST(names.asked() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_failure_reaches_all_who_share_it) {  // covers AIO-019
  live_stage s;
  auto main = [&]() -> task<void> {
    held_names names;
    std::vector<task_handle<std::vector<io::address>>> lookups;
    for (std::uint16_t i = 0; i != 5; ++i) lookups.push_back(spawn(look_up("missing.invalid", i)));
    co_await buskin::test::until([&] { return names.asked() == 1; }, "the question");
    names.let_go();
    for (auto& each : lookups)
      BOOST_CHECK_EXCEPTION(co_await each, std::system_error, [](const auto& error) {
        return error.code() == std::errc::address_not_available;
      });
    BOOST_TEST(names.asked() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    the_first_who_asked_is_cancelled_and_the_others_get_the_answer) {  // covers AIO-020
  live_stage s;
  auto main = [&]() -> task<void> {
    held_names names;
    auto first = spawn(look_up("shared.invalid", 1));
    auto second = spawn(look_up("shared.invalid", 2));
    co_await buskin::test::until([&] { return names.asked() == 1; }, "the question");
    first.cancel();
    BOOST_CHECK_THROW(co_await first, cancelled);
    BOOST_TEST(!second.done());
    names.let_go();
    BOOST_TEST((co_await second).size() == 2U);
    BOOST_TEST(names.asked() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_question_that_nobody_waits_for_any_more_is_not_asked) {  // covers AIO-020
  live_stage s;
  auto main = [&]() -> task<void> {
    held_names names;
    // All threads are busy: what comes now waits in line.
    std::vector<task_handle<std::vector<io::address>>> busy;
    for (int i = 0; i != 32; ++i)
      busy.push_back(spawn(look_up("host" + std::to_string(i) + ".invalid", 1)));
    co_await buskin::test::until([&] { return names.asked() == 32; }, "all threads to be busy");
    auto late = spawn(look_up("late.invalid", 1));
    co_await yield();
    late.cancel();
    BOOST_CHECK_THROW(co_await late, cancelled);
    names.let_go();
    for (auto& each : busy) co_await each;
    BOOST_TEST((co_await look_up("other.invalid", 1)).size() == 2U);  // is behind it in the line
    BOOST_TEST(names.asked() == 33);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_answer_is_kept_for_those_who_want_no_newer_one) {
  live_stage s;
  auto main = [&]() -> task<void> {
    held_names names;
    names.let_go();
    io::clear_resolve_cache();
    const io::resolve_options kept{.cache = 1h};
    const io::host_port where{"kept.invalid", 80};
    BOOST_TEST((co_await io::resolve(where, kept)).size() == 2U);
    BOOST_TEST((co_await io::resolve(where, kept)).size() == 2U);
    BOOST_TEST(names.asked() == 1);
    BOOST_TEST((co_await io::resolve(where)).size() == 2U);  // asks anew
    BOOST_TEST(names.asked() == 2);
    io::clear_resolve_cache();
    BOOST_TEST((co_await io::resolve(where, kept)).size() == 2U);
    BOOST_TEST(names.asked() == 3);
    const io::host_port missing{"missing.invalid", 80};  // a failure is not kept
    for (int i = 0; i != 2; ++i)
      BOOST_CHECK_THROW(co_await io::resolve(missing, kept), std::system_error);
    BOOST_TEST(names.asked() == 5);
    io::clear_resolve_cache();
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
