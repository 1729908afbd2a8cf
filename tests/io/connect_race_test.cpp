// The race of a host's addresses, by hand: its attempts are sleeps.
#include <buskin/io/detail/connect_race.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;
using io::address;

const address six_a = address::parse("2001:db8::1", 80);
const address six_b = address::parse("2001:db8::2", 80);
const address four_a = address::parse("192.0.2.1", 80);
const address four_b = address::parse("192.0.2.2", 80);

/// How an attempt goes: after `takes` it succeeds or fails with `error`.
struct plan {
  duration takes{};
  std::errc error{};
};

/// A race and what happened in it, each entry with its milliseconds.
struct race {
  std::map<std::string, plan> plans;
  journal notes{};

  void note(const std::string& what) {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(runtime::current().now() - begun);
    notes.push_back(std::to_string(ms.count()) + " " + what);
  }

  task<std::string> attempt(address where) {
    const std::string name = where.to_string();
    note("try " + name);
    const plan how = plans.at(name);
    try {
      co_await sleep(how.takes);
    } catch (const cancelled&) {
      note("close " + name);
      throw;
    }
    if (how.error != std::errc{})
      throw std::system_error(std::make_error_code(how.error), "cannot connect to " + name);
    co_return name;
  }

  task<std::string> run(std::vector<address> addresses, duration delay = 250ms) {
    begun = runtime::current().now();
    return io::detail::connect_race<std::string>("host:80", std::move(addresses), delay,
                                                 [this](address each) { return attempt(each); });
  }

  time_point begun{};
};

const std::string a6 = six_a.to_string();
const std::string b6 = six_b.to_string();
const std::string a4 = four_a.to_string();
const std::string b4 = four_b.to_string();

BOOST_AUTO_TEST_SUITE(connect_race_)

BOOST_AUTO_TEST_CASE(the_families_take_turns) {  // covers TRI-040
  const auto order = io::detail::interleave({six_a, six_b, four_a, four_b});
  BOOST_CHECK((order == std::vector<address>{six_a, four_a, six_b, four_b}));
  BOOST_CHECK((io::detail::interleave({four_a, six_a, six_b}) ==
               std::vector<address>{four_a, six_a, six_b}));
  BOOST_CHECK((io::detail::interleave({four_a, four_b}) == std::vector<address>{four_a, four_b}));
  BOOST_CHECK(io::detail::interleave({}).empty());
}

BOOST_AUTO_TEST_CASE(a_quick_first_one_wins_and_no_other_is_tried) {  // covers TRI-040
  stage s;
  race r{{{a6, {249ms}}, {a4, {}}}};
  auto main = [&]() -> task<void> {
    BOOST_TEST(co_await r.run({six_a, four_a}) == a6);
    BOOST_CHECK((r.notes == journal{"0 try " + a6}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_slow_first_one_is_overtaken_after_the_delay_and_closed) {  // covers TRI-040
  stage s;
  race r{{{a6, {1h}}, {a4, {10ms}}, {b6, {}}}};
  auto main = [&]() -> task<void> {
    BOOST_TEST(co_await r.run({six_a, six_b, four_a}) == a4);
    BOOST_CHECK((r.notes == journal{"0 try " + a6, "250 try " + a4, "260 close " + a6}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_failure_starts_the_next_one_at_once) {  // covers TRI-040
  stage s;
  race r{{{a6, {5ms, std::errc::connection_refused}}, {a4, {}}}};
  auto main = [&]() -> task<void> {
    BOOST_TEST(co_await r.run({six_a, four_a}) == a4);
    BOOST_CHECK((r.notes == journal{"0 try " + a6, "5 try " + a4}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_infinite_delay_means_one_after_the_other) {
  stage s;
  race r{{{a6, {1h, std::errc::timed_out}}, {a4, {}}}};
  auto main = [&]() -> task<void> {
    BOOST_TEST(co_await r.run({six_a, four_a}, infinite) == a4);
    BOOST_CHECK((r.notes == journal{"0 try " + a6, "3600000 try " + a4}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    when_all_fail_each_is_in_the_text_and_the_most_telling_is_the_code) {  // covers TRI-040
  stage s;
  race r{{{a6, {0ms, std::errc::network_unreachable}},
          {a4, {5ms, std::errc::connection_refused}},
          {b4, {0ms, std::errc::timed_out}}}};
  auto main = [&]() -> task<void> {
    BOOST_CHECK_EXCEPTION(
        co_await r.run({six_a, four_a, four_b}), std::system_error, [&](const auto& error) {
          const std::string text = error.what();
          return error.code() == std::errc::connection_refused &&
                 text.starts_with("cannot connect to host:80 at " + a6 +
                                  " (Network is unreachable), at " + a4 +
                                  " (Connection refused), at " + b4 + " (Connection timed out)");
        });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancellation_closes_every_attempt) {  // covers TRI-040
  stage s;
  race r{{{a6, {1h}}, {a4, {1h}}, {b6, {1h}}}};
  auto main = [&]() -> task<void> {
    auto racing = spawn(r.run({six_a, six_b, four_a}));
    co_await sleep(300ms);
    racing.cancel();
    BOOST_CHECK_THROW(co_await racing, cancelled);
    BOOST_TEST(r.notes.size() == 4U);
    BOOST_TEST(std::count(r.notes.begin(), r.notes.end(), "300 close " + a6) == 1);
    BOOST_TEST(std::count(r.notes.begin(), r.notes.end(), "300 close " + a4) == 1);
  };
  s.run(main());
}

task<int> give_up(address) {
  throw cancelled("somebody else had enough");
  co_return 0;
}

BOOST_AUTO_TEST_CASE(without_a_winner_and_without_a_failure_it_was_too_late) {  // covers BAS-030
  stage s;
  auto main = [&]() -> task<void> {
    BOOST_CHECK_THROW(
        co_await io::detail::connect_race<int>("host:80", {six_a, four_a}, 250ms, give_up),
        timeout_error);
  };
  s.run(main());
}

task<int> break_down(address) {
  throw std::logic_error("no failure of the network");
  co_return 0;
}

BOOST_AUTO_TEST_CASE(a_failure_that_is_not_the_networks_comes_out_as_it_is) {  // covers BAS-029
  stage s;
  auto main = [&]() -> task<void> {
    BOOST_CHECK_THROW(
        co_await io::detail::connect_race<int>("host:80", {six_a, four_a}, 250ms, break_down),
        std::logic_error);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(no_address_at_all_is_an_error_of_the_system) {
  stage s;
  auto main = [&]() -> task<void> {
    BOOST_CHECK_THROW(co_await io::detail::connect_race<int>("host:80", {}, 250ms, break_down),
                      std::system_error);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
