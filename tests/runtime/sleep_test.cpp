// Time: order and accuracy under a clock that is moved by hand.
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;

void start(task<void> body, std::source_location where = std::source_location::current()) {
  detail::start_task(runtime::current(), std::move(body), {}, where);
}

BOOST_AUTO_TEST_SUITE(sleep_)

BOOST_AUTO_TEST_CASE(a_sleeper_wakes_at_its_time_and_not_before) {  // covers TSK-061
  stage s(manual_clock::mode::by_hand);
  int woken = 0;
  auto sleeper = [&]() -> task<void> {
    co_await sleep(1s);
    ++woken;
    co_await sleep(500ms);
    ++woken;
    co_await sleep(500ms);
    ++woken;
  };
  auto main = [&]() -> task<void> {
    start(sleeper());
    co_return;
  };
  s.run(main());
  s.advance(999ms);
  BOOST_TEST(woken == 0);
  s.advance(1ms);
  BOOST_TEST(woken == 1);
  s.advance(499ms);
  BOOST_TEST(woken == 1);
  s.advance(501ms);
  BOOST_TEST(woken == 2);  // the third was asked for at the second's end, a millisecond late
  s.advance(500ms);
  BOOST_TEST(woken == 3);
}

BOOST_AUTO_TEST_CASE(
    sleepers_wake_in_the_order_of_their_times_and_equal_ones_in_the_order_of_asking) {
  stage s;
  std::vector<int> order;
  auto sleeper = [&](int name, duration length) -> task<void> {
    co_await sleep(length);
    order.push_back(name);
  };
  auto main = [&]() -> task<void> {
    start(sleeper(1, 30ms));
    start(sleeper(2, 10ms));
    start(sleeper(3, 20ms));
    start(sleeper(4, 10ms));
    start(sleeper(5, 0ms));
    start(sleeper(6, -1s));
    co_await sleep(40ms);
  };
  s.run(main());
  BOOST_TEST(order == (std::vector{6, 5, 2, 4, 3, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(hours_of_sleep_take_no_time_with_a_clock_that_jumps) {  // covers TRI-042
  stage s;
  auto main = []() -> task<void> {
    for (int i = 0; i != 1000; ++i) co_await sleep(1h);
  };
  s.run(main());
  BOOST_TEST((s.clock.elapsed() == 1000h));
}

BOOST_AUTO_TEST_CASE(a_sleep_of_zero_lets_what_is_scheduled_run_first) {  // covers TSK-120
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    runtime::current().call_soon([&] { log.emplace_back("callback"); });
    co_await sleep(0s);
    log.emplace_back("awake");
  };
  s.run(main());
  BOOST_TEST(log == (journal{"callback", "awake"}), boost::test_tools::per_element());
  BOOST_TEST((s.clock.elapsed() == 0s));
}

BOOST_AUTO_TEST_CASE(yield_gives_every_other_ready_task_a_turn) {
  stage s;
  journal log;
  auto talker = [&](std::string name) -> task<void> {
    for (int i = 0; i != 3; ++i) {
      log.push_back(name + std::to_string(i));
      co_await yield();
    }
  };
  auto main = [&]() -> task<void> {
    start(talker("a"));
    start(talker("b"));
    co_await sleep(1ms);
  };
  s.run(main());
  BOOST_TEST(log == (journal{"a0", "b0", "a1", "b1", "a2", "b2"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_endless_sleep_is_endless) {
  stage s;
  bool woken = false;
  auto sleeper = [&]() -> task<void> {
    co_await sleep(duration::max());
    woken = true;
  };
  auto main = [&]() -> task<void> {
    start(sleeper());
    co_await sleep(1000h);
  };
  s.run(main());
  BOOST_TEST(!woken);
}

BOOST_AUTO_TEST_CASE(sleeping_outside_of_a_runtime_is_refused) {
  BOOST_CHECK_THROW((void)sleep(1s), invalid_state);
}

BOOST_AUTO_TEST_CASE(with_the_real_clock_a_sleep_lasts_at_least_its_length) {
  runtime_options options;
  options.signals = signal_handling::none;
  const auto before = std::chrono::steady_clock::now();
  auto main = []() -> task<void> { co_await sleep(20ms); };
  run(main(), options);
  const auto took = std::chrono::steady_clock::now() - before;
  BOOST_TEST((took >= 20ms));
}

BOOST_AUTO_TEST_CASE(very_short_sleeps_do_not_make_the_loop_spin) {  // covers EVT-032
  runtime_options options;
  options.signals = signal_handling::none;
  runtime owner(options);
  auto main = []() -> task<void> {
    for (int i = 0; i != 20; ++i) co_await sleep(200us);
  };
  owner.run(main());
  BOOST_TEST(owner.sleeps() <= 80U);
}

BOOST_AUTO_TEST_CASE(a_thousand_sleeps_that_end_within_milliseconds_cost_few_wake_ups) {
  runtime_options options;
  options.signals = signal_handling::none;
  options.timer_slack = 2ms;
  runtime owner(options);
  std::size_t ended = 0;
  auto sleeper = [&](duration delay) -> task<void> {
    co_await sleep(delay);
    ++ended;
  };
  std::uint64_t sleeps = 0;
  auto main = [&]() -> task<void> {
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i != 1000; ++i) start(sleeper(50ms + i * 20us));
    co_await sleep(75ms);
    const auto took = std::chrono::steady_clock::now() - began;
    sleeps = static_cast<std::uint64_t>(took / 2ms);
  };
  owner.run(main());
  BOOST_TEST(ended == 1000U);
  // One for each slack of time, and the few that are no timer's.
  BOOST_TEST(owner.sleeps() <= sleeps + 20U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
