#include <buskin/runtime/periodic.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/child_process.hpp"
#include "support/instances.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::child_process;
using buskin::test::instance;
using buskin::test::stage;

BOOST_AUTO_TEST_SUITE(periodic_)

BOOST_AUTO_TEST_CASE(it_ticks_at_every_period_until_it_is_cancelled) {
  stage s(manual_clock::mode::by_hand);
  int alive = 0;
  int calls = 0;
  auto ticking = s.runtime.every(1s, [&calls, held = instance(alive)] { ++calls; });
  s.advance(999ms);
  BOOST_TEST(calls == 0);
  s.advance(1ms);
  BOOST_TEST(calls == 1);
  s.advance(1s);
  BOOST_TEST(calls == 2);
  BOOST_TEST(ticking.ticks() == 2U);
  BOOST_TEST(!ticking.done());
  BOOST_TEST(ticking.cancel());
  BOOST_TEST(!ticking.cancel());
  s.advance(5s);
  BOOST_TEST(calls == 2);
  BOOST_TEST(ticking.done());
  BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(the_first_tick_may_come_at_another_time) {
  stage s(manual_clock::mode::by_hand);
  int calls = 0;
  s.runtime.every(10s, [&] { ++calls; }, {.name = "soon", .first = 0s});
  s.settle();
  BOOST_TEST(calls == 1);
  BOOST_TEST(s.runtime.all_tasks()[0].name == "task \"soon\"");
  s.advance(10s);
  BOOST_TEST(calls == 2);
}

BOOST_AUTO_TEST_CASE(after_a_stall_there_is_one_tick_and_then_the_grid_again) {  // shows M8
  stage s(manual_clock::mode::by_hand);
  std::vector<duration> at;
  auto ticking = s.runtime.every(1s, [&] { at.push_back(s.clock.elapsed()); });
  s.advance(6300ms);
  BOOST_TEST(at.size() == 1U);
  BOOST_TEST(ticking.skipped() == 5U);
  s.advance(700ms);
  BOOST_TEST(at.size() == 2U);
  BOOST_CHECK(at[1] == 7s);
  s.advance(1s);
  BOOST_TEST(at.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_task_that_takes_longer_than_the_period_does_not_overlap_itself) {
  stage s;
  std::vector<duration> begun;
  int inside = 0;
  int most = 0;
  auto ticking = s.runtime.every(1s, [&]() -> task<void> {
    begun.push_back(s.clock.elapsed());
    most = std::max(most, ++inside);
    co_await sleep(1500ms);
    --inside;
  });
  auto wait = []() -> task<void> { co_await sleep(8s); };
  s.run(wait());
  BOOST_TEST(most == 1);
  BOOST_REQUIRE(begun.size() >= 3U);
  BOOST_CHECK(begun[0] == 1s);
  BOOST_CHECK(begun[1] == 3s);
  BOOST_CHECK(begun[2] == 5s);
  BOOST_TEST(ticking.skipped() >= 2U);
}

BOOST_AUTO_TEST_CASE(cancelling_reaches_the_task_that_a_tick_began) {
  stage s;
  bool reached = false;
  auto ticking = s.runtime.every(1s, [&]() -> task<void> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      reached = true;  // and would not hear of it
    }
  });
  auto main = [&]() -> task<void> {
    co_await sleep(2s);
    ticking.cancel();
    co_await sleep(1ms);
  };
  s.run(main());
  BOOST_TEST(reached);
  BOOST_TEST(ticking.done());
}

BOOST_AUTO_TEST_CASE(a_tick_that_fails_is_reported_and_the_ticks_go_on) {
  stage s(manual_clock::mode::by_hand);
  int calls = 0;
  s.runtime.every(1s,
                  [&] {
                    if (++calls == 1) throw std::runtime_error("this time");
                  },
                  {.name = "flaky"});
  s.runtime.every(1s, []() -> task<void> {
    co_await yield();
    throw std::runtime_error("in a task");
  });
  s.advance(1s);
  s.advance(1s);
  BOOST_TEST(calls == 2);
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 3U);
  BOOST_TEST(incidents[0].code == "BK003");
  BOOST_TEST(incidents[0].who == "flaky");
  BOOST_TEST(to_string(incidents[0].where).find("periodic_test.cpp") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_period_of_nothing_is_refused) {
  stage s;
  BOOST_CHECK_THROW(s.runtime.every(0s, [] {}), std::invalid_argument);
  BOOST_CHECK_THROW(s.runtime.every(-1s, [] {}), std::invalid_argument);
  periodic empty;
  BOOST_TEST(!empty.cancel());
  BOOST_TEST(empty.done());
}

BOOST_AUTO_TEST_CASE(a_process_that_was_stopped_does_not_catch_up) {  // shows M8
  child_process child([](auto ready) {
    runtime_options options;
    options.signals = signal_handling::none;
    runtime owner(options);
    std::vector<time_point> at;
    auto ticking = owner.every(5ms, [&] {
      at.push_back(owner.now());
      if (at.size() == 2) ready();
      if (at.size() == 6) owner.stop();
    });
    owner.run_forever();
    // A burst would be ticks closer than half a period, of which one is due to the stall itself.
    int close = 0;
    for (std::size_t i = 1; i != at.size(); ++i)
      if (at[i] - at[i - 1] < 1ms) ++close;
    return ticking.skipped() >= 20 && close <= 1 ? 0 : 1;
  });
  child.await_ready();
  child.send(SIGSTOP);
  std::this_thread::sleep_for(200ms);  // real time has to pass while it stands still
  child.send(SIGCONT);
  BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
