// Events in another process.
#include <buskin/actors/event.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/barrier.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/far_actor.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

task<void> wait(event e, journal* said, std::string name) {
  co_await e.wait();
  said->push_back(std::move(name));
}

BOOST_AUTO_TEST_SUITE(far_event_)

BOOST_AUTO_TEST_CASE_TEMPLATE(setting_wakes_all_in_order_and_clearing_makes_wait_again, Setting,
                              both_settings) {
  stage s;
  Setting where(s);
  journal said;
  auto main = [&]() -> task<void> {
    event e;
    const auto reached = where.reach(e);
    auto one = spawn(wait(reached, &said, "one"));
    co_await sleep(1ms);
    auto two = spawn(wait(e, &said, "two"));
    auto given_up = spawn(wait(reached, &said, "never"));
    co_await sleep(1ms);
    BOOST_TEST(e.waiter_count() == 3U);
    given_up.cancel();
    BOOST_CHECK_THROW(co_await given_up, cancelled);
    co_await sleep(1ms);
    BOOST_TEST(e.waiter_count() == 2U);
    reached.set();
    co_await one;
    co_await two;
    co_await reached.wait();
    BOOST_TEST(co_await ask<bool>(reached.actor(), infinite, is_event_set::value));
    reached.clear();
    BOOST_TEST(!co_await ask<bool>(reached.actor(), infinite, is_event_set::value));
    auto later = spawn(wait(reached, &said, "later"));
    co_await sleep(1ms);
    BOOST_TEST(!later.done());
    e.set();
    co_await later;
  };
  s.run(main());
  BOOST_TEST(said.size() == 3U);
  BOOST_TEST(said.back() == "later");
}

BOOST_AUTO_TEST_CASE(an_event_says_that_its_process_is_gone) {
  stage s;
  in_another_process where(s);
  journal said;
  auto main = [&]() -> task<void> {
    event e;
    const auto far = where.reach(e);
    BOOST_CHECK_THROW(static_cast<void>(far.is_set()), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(far.waiter_count()), invalid_state);
    BOOST_CHECK_THROW(event::at(barrier(1).actor()), std::invalid_argument);
    auto waiting = spawn(wait(far, &said, "never"));
    co_await sleep(1ms);
    where.way->cut();
    BOOST_CHECK_THROW(co_await waiting, broken_promise);
    e.set();
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
