// Conditions in another process.
#include <buskin/actors/condition.hpp>

#include <buskin/actors/event.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/far_actor.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

/// Waits for a notification, and says when it has the lock again, however.
task<void> wait(condition c, journal* said, std::string name) {
  const auto guard = co_await c.hold();
  try {
    co_await c.wait();
    said->push_back(name);
  } catch (const cancelled&) {
    said->push_back(name + " cancelled");
    throw;
  }
}

task<void> notify(condition c, std::size_t count) {
  const auto guard = co_await c.hold();
  c.notify(count);
}

BOOST_AUTO_TEST_SUITE(far_condition_)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_notification_wakes_in_the_order_of_waiting, Setting,
                              both_settings) {
  stage s;
  Setting where(s);
  journal said;
  auto main = [&]() -> task<void> {
    condition c;
    const auto reached = where.reach(c);
    auto one = spawn(wait(reached, &said, "one"));
    co_await sleep(1ms);
    auto two = spawn(wait(c, &said, "two"));
    co_await sleep(1ms);
    auto three = spawn(wait(reached, &said, "three"));
    co_await sleep(1ms);
    BOOST_TEST(c.waiter_count() == 3U);
    BOOST_TEST(!c.mutex().is_locked());
    co_await notify(reached, 1);
    co_await one;
    co_await sleep(1ms);
    BOOST_TEST(said.size() == 1U);
    co_await notify(reached, 1);
    co_await two;
    co_await notify(reached, 5);
    co_await three;
    co_await sleep(1ms);
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
  BOOST_TEST((said == journal{"one", "two", "three"}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancelled_wait_comes_out_with_the_lock, Setting, both_settings) {
  stage s;
  Setting where(s);
  journal said;
  auto main = [&]() -> task<void> {
    condition c;
    const auto reached = where.reach(c);
    auto waiter = spawn(wait(reached, &said, "waiter"));
    co_await sleep(1ms);
    {
      const auto guard = co_await c.hold();
      waiter.cancel();
      co_await sleep(1ms);
      BOOST_TEST(c.waiter_count() == 0U);
      BOOST_TEST(!waiter.done());  // the lock is ours
    }
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    co_await sleep(1ms);
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
  BOOST_TEST((said == journal{"waiter cancelled"}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_killed_waiter_leaves_the_lock_to_others, Setting, both_settings) {
  stage s;
  Setting where(s);
  journal said;
  auto main = [&]() -> task<void> {
    condition c;
    const auto reached = where.reach(c);
    auto dying = spawn(wait(reached, &said, "never"));
    co_await sleep(1ms);
    auto other = spawn(wait(reached, &said, "other"));
    co_await sleep(1ms);
    kill(dying.actor());
    BOOST_CHECK_THROW(co_await dying, cancelled);
    co_await sleep(1ms);
    BOOST_TEST(c.waiter_count() == 1U);
    BOOST_TEST(!c.mutex().is_locked());
    co_await notify(reached, 1);
    co_await other;
    co_await sleep(1ms);
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
  BOOST_TEST((said == journal{"other"}));
}

BOOST_AUTO_TEST_CASE(a_notification_under_way_to_a_dying_waiter_goes_to_another) {
  stage s;
  in_another_process where(s);
  journal said;
  auto main = [&]() -> task<void> {
    condition c;
    const auto far = where.reach(c);
    auto dying = spawn(wait(far, &said, "never"));
    co_await sleep(1ms);
    auto other = spawn(wait(c, &said, "other"));
    co_await sleep(1ms);
    where.way->hold();
    co_await notify(c, 1);
    BOOST_TEST(c.mutex().is_locked());  // for the dying one
    kill(dying.actor());
    BOOST_CHECK_THROW(co_await dying, cancelled);
    BOOST_TEST(!other.done());
    where.way->flow();
    co_await other;
    co_await sleep(1ms);
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
  BOOST_TEST((said == journal{"other"}));
}

BOOST_AUTO_TEST_CASE(a_lock_under_way_to_a_task_that_gave_up_wakes_nobody) {
  stage s;
  in_another_process where(s);
  journal said;
  auto main = [&]() -> task<void> {
    condition c;
    const auto far = where.reach(c);
    auto waiter = spawn(wait(c, &said, "waiter"));
    co_await sleep(1ms);
    auto guard = co_await c.hold();
    auto giving_up = spawn(notify(far, 1));
    co_await sleep(1ms);
    where.way->hold();
    guard.release();  // the lock is on its way
    BOOST_TEST(c.mutex().is_locked());
    giving_up.cancel();
    BOOST_CHECK_THROW(co_await giving_up, cancelled);
    where.way->flow();
    co_await sleep(1ms);
    BOOST_TEST(!c.mutex().is_locked());
    BOOST_TEST(c.waiter_count() == 1U);  // it had not been notified
    co_await notify(c, 1);
    co_await waiter;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_done_over_there_says_so) {
  stage s;
  in_another_process where(s);
  journal said;
  auto main = [&]() -> task<void> {
    condition c;
    const auto far = where.reach(c);
    BOOST_CHECK_THROW(static_cast<void>(far.waiter_count()), invalid_state);
    BOOST_CHECK_THROW(condition{far.mutex()}, invalid_state);
    BOOST_CHECK_THROW(condition::at(event().actor()), std::invalid_argument);
    BOOST_CHECK_THROW(co_await far.wait(), invalid_state);  // without the lock
    const auto same = condition::at(c.actor());
    BOOST_TEST(same.mutex().try_acquire());
    BOOST_TEST(c.mutex().is_locked());
    c.mutex().release();
    auto waiter = spawn(wait(far, &said, "never"));
    co_await sleep(1ms);
    where.way->cut();
    BOOST_CHECK_THROW(co_await waiter, broken_promise);
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
