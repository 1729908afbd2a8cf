// Waits for a condition that are cut short: the lock at every end, and notifications that are
// passed on.
#include <buskin/actors/condition.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/condition_waiters.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

BOOST_AUTO_TEST_SUITE(condition_cancellation_)

BOOST_AUTO_TEST_CASE(
    a_deadline_around_a_wait_comes_out_with_the_lock_taken_again) {  // covers LOCK-032
  stage s;
  auto main = []() -> task<void> {
    condition c;
    bool after_wait = false;
    auto waiting = [&]() -> task<void> {
      const auto guard = co_await c.hold();
      BOOST_CHECK_THROW(co_await timeout(1s, [&] { return c.wait(); }), timeout_error);
      BOOST_TEST(c.mutex().is_locked());
      after_wait = true;
    };
    co_await waiting();
    BOOST_TEST(after_wait);
    BOOST_TEST(!c.mutex().is_locked());
    BOOST_TEST(c.waiter_count() == 0U);
    // Also when somebody keeps the lock beyond the deadline.
    auto waiter = spawn(waiting());
    co_await sleep(1ms);
    co_await c.mutex().acquire();
    co_await sleep(5s);
    BOOST_TEST(!waiter.done());
    c.mutex().release();
    co_await waiter;
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_cancellation_while_waiting_to_be_notified_comes_out_unchanged) {  // covers LOCK-033
  stage s;
  auto main = []() -> task<void> {
    condition c;
    seen what;
    auto waiting = spawn(see_how_it_ends(c, &what));
    co_await sleep(1ms);
    const auto reason = std::make_exception_ptr(cancelled("go home"));
    BOOST_TEST(waiting.ref()->cancel(reason));
    BOOST_CHECK_THROW(co_await waiting, cancelled);
    BOOST_TEST(what.message == "go home");
    BOOST_TEST((what.error == reason));
    BOOST_TEST(what.held);
    try {
      std::rethrow_exception(reason);
    } catch (const cancelled& e) {
      BOOST_TEST(what.object == &e);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_cancellation_while_taking_the_lock_again_comes_out_unchanged) {  // covers LOCK-034
  stage s;
  auto main = []() -> task<void> {
    condition c;
    seen what;
    auto waiting = spawn(see_how_it_ends(c, &what));
    co_await sleep(1ms);
    co_await c.mutex().acquire();
    c.notify();
    co_await sleep(1ms);
    BOOST_TEST(c.waiter_count() == 0U);
    BOOST_TEST(c.mutex().waiter_count() == 1U);
    const auto reason = std::make_exception_ptr(cancelled("go home"));
    BOOST_TEST(waiting.ref()->cancel(reason));
    co_await sleep(1ms);
    BOOST_TEST(!waiting.done());
    c.mutex().release();
    BOOST_CHECK_THROW(co_await waiting, cancelled);
    BOOST_TEST(what.message == "go home");
    BOOST_TEST((what.error == reason));
    BOOST_TEST(what.held);
    try {
      std::rethrow_exception(reason);
    } catch (const cancelled& e) {
      BOOST_TEST(what.object == &e);
    }
  };
  s.run(main());
}

/// Takes items one by one; `consumed` counts.
task<void> consume(condition c, int* items, journal* said, std::string name) {
  const auto guard = co_await c.hold();
  co_await c.wait_for([items] { return *items != 0; });
  --*items;
  said->push_back(std::move(name));
}

BOOST_AUTO_TEST_CASE(
    a_notification_of_a_waiter_cancelled_in_that_turn_is_passed_on) {  // covers LOCK-035
  for (const bool cancel_first : {false, true}) {
    stage s;
    auto main = [&]() -> task<void> {
      condition c;
      int items = 0;
      journal said;
      auto one = spawn(consume(c, &items, &said, "one"));
      auto two = spawn(consume(c, &items, &said, "two"));
      co_await sleep(1ms);
      {
        const auto guard = co_await c.hold();
        if (cancel_first) one.cancel();
        ++items;
        c.notify(1);
        if (!cancel_first) one.cancel();
      }
      BOOST_CHECK_THROW(co_await one, cancelled);
      co_await two;
      BOOST_TEST((said == journal{"two"}));
      BOOST_TEST(items == 0);
    };
    s.run(main());
  }
}

// covers LOCK-036, TRI-031
BOOST_AUTO_TEST_CASE(a_notification_of_a_waiter_cancelled_in_the_locks_queue_is_passed_on) {
  stage s;
  auto main = []() -> task<void> {
    condition c;
    int items = 0;
    journal said;
    auto one = spawn(consume(c, &items, &said, "one"));
    auto two = spawn(consume(c, &items, &said, "two"));
    co_await sleep(1ms);
    {
      const auto guard = co_await c.hold();
      ++items;
      c.notify(1);
      co_await sleep(1ms);
      BOOST_TEST(c.mutex().waiter_count() == 1U);
      one.cancel();
      co_await sleep(1ms);
      BOOST_TEST(c.mutex().waiter_count() == 1U);
    }
    BOOST_CHECK_THROW(co_await one, cancelled);
    co_await two;
    BOOST_TEST((said == journal{"two"}));
    BOOST_TEST(items == 0);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_notification_of_a_killed_waiter_is_passed_on) {
  for (const bool in_the_queue : {false, true}) {
    stage s;
    auto main = [&]() -> task<void> {
      condition c;
      int items = 0;
      journal said;
      auto one = spawn(consume(c, &items, &said, "one"));
      auto two = spawn(consume(c, &items, &said, "two"));
      co_await sleep(1ms);
      {
        const auto guard = co_await c.hold();
        ++items;
        c.notify(1);
        if (in_the_queue) co_await sleep(1ms);
        caf::anon_send_exit(one.actor(), caf::exit_reason::kill);
      }
      co_await sleep(1ms);
      BOOST_TEST(one.done());
      BOOST_TEST(two.done());
      BOOST_TEST((said == journal{"two"}));
      BOOST_TEST(items == 0);
      BOOST_TEST(!c.mutex().is_locked());
      two.cancel();
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_CASE(several_cancellations_of_one_wait_do_not_lose_the_lock) {
  stage s;
  auto main = []() -> task<void> {
    condition c;
    seen what;
    auto waiting = spawn(see_how_it_ends(c, &what));
    co_await sleep(1ms);
    co_await c.mutex().acquire();
    waiting.cancel("first");
    co_await sleep(1ms);
    waiting.cancel("second");
    co_await sleep(1ms);
    waiting.cancel("third");
    co_await sleep(1ms);
    BOOST_TEST(!waiting.done());
    c.mutex().release();
    BOOST_CHECK_THROW(co_await waiting, cancelled);
    BOOST_TEST(what.held);
    BOOST_TEST(what.message == "first");
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_holder_that_dies_after_a_wait_still_gives_the_lock_back) {
  stage s;
  auto main = []() -> task<void> {
    condition c;
    auto waiting = [&]() -> task<void> {
      co_await c.mutex().acquire();
      co_await c.wait();
      throw std::runtime_error("with the lock");
    };
    auto one = spawn(waiting());
    co_await sleep(1ms);
    co_await notify_some(c, 1);
    BOOST_CHECK_THROW(co_await one, std::runtime_error);
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
