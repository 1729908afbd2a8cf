// The condition: who wakes and in which order. Waits that are cut short are in
// condition_cancellation_test.cpp.
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

BOOST_AUTO_TEST_SUITE(condition_)

// covers LOCK-002
static_assert(!awaitable<condition> && !lockable<condition>);
static_assert(awaitable<decltype(std::declval<condition>().wait())>);

// covers LOCK-018
BOOST_AUTO_TEST_CASE(
    woken_waiters_take_the_lock_one_at_a_time_and_not_before_the_notifier_gives_it_up) {
  stage s;
  auto main = []() -> task<void> {
    condition c;
    journal said;
    auto waiting = [&](std::string name) -> task<void> {
      co_await c.mutex().acquire();
      co_await c.wait();
      said.push_back(name);
      BOOST_TEST(c.mutex().is_locked());
      co_await sleep(1s);  // no other comes in meanwhile
      BOOST_TEST(said.back() == name);
      c.mutex().release();
    };
    std::vector<task_handle<void>> all;
    for (const auto* name : {"one", "two", "three"}) all.push_back(spawn(waiting(name)));
    co_await sleep(1ms);
    BOOST_TEST(!c.mutex().is_locked());
    BOOST_TEST(c.waiter_count() == 3U);
    co_await c.mutex().acquire();
    c.notify(2);
    co_await sleep(1s);
    BOOST_TEST(said.empty());
    c.mutex().release();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one"}));
    co_await all[0];
    co_await all[1];
    BOOST_TEST((said == journal{"one", "two"}));
    co_await sleep(1h);
    BOOST_TEST(!all[2].done());
    co_await notify_some(c, 1);
    co_await all[2];
    BOOST_TEST((said == journal{"one", "two", "three"}));
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_cancelled_waiter_takes_the_lock_before_it_learns_of_it) {  // covers LOCK-019, TRI-029
  stage s;
  auto main = []() -> task<void> {
    condition c;
    seen what;
    auto waiting = spawn(see_how_it_ends(c, &what));
    co_await sleep(1ms);
    co_await c.mutex().acquire();
    waiting.cancel();
    co_await sleep(1s);
    BOOST_TEST(!waiting.done());
    BOOST_TEST(!what.error);
    BOOST_TEST(c.waiter_count() == 0U);
    BOOST_TEST(c.mutex().waiter_count() == 1U);
    c.mutex().release();
    BOOST_CHECK_THROW(co_await waiting, cancelled);
    BOOST_TEST(what.held);
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(those_who_are_notified_queue_up_for_the_lock) {  // covers TRI-029
  stage s;
  auto main = []() -> task<void> {
    condition c;
    journal said;
    const auto all = co_await waiters(c, &said, {"one", "two", "three", "four", "five"});
    co_await c.mutex().acquire();
    c.notify(2);
    co_await sleep(1ms);
    BOOST_TEST(c.waiter_count() == 3U);
    BOOST_TEST(c.mutex().waiter_count() == 2U);
    c.notify_all();
    co_await sleep(1ms);
    BOOST_TEST(c.waiter_count() == 0U);
    BOOST_TEST(c.mutex().waiter_count() == 5U);
    c.mutex().release();
    for (const auto& each : all) co_await each;
    BOOST_TEST((said == journal{"one", "two", "three", "four", "five"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_predicate_wait_ends_with_the_lock_at_a_notification_that_finds_it_true) {  // covers LOCK-023
  stage s;
  auto main = []() -> task<void> {
    condition c;
    bool ready = false;
    int asked = 0;
    auto waiting = [&]() -> task<void> {
      const auto guard = co_await c.hold();
      co_await c.wait_for([&] {
        ++asked;
        BOOST_TEST(c.mutex().is_locked());
        return ready;
      });
      BOOST_TEST(c.mutex().is_locked());
    };
    auto waiter = spawn(waiting());
    co_await sleep(1ms);
    BOOST_TEST(asked == 1);
    co_await notify_some(c, 1);
    co_await sleep(1ms);
    BOOST_TEST(asked == 2);
    BOOST_TEST(!waiter.done());
    BOOST_TEST(c.waiter_count() == 1U);
    ready = true;
    co_await sleep(1ms);
    BOOST_TEST(!waiter.done());
    co_await notify_some(c, 1);
    co_await waiter;
    BOOST_TEST(asked == 3);
    BOOST_TEST(!c.mutex().is_locked());
    // One that is true at once does not wait.
    co_await waiting();
    BOOST_TEST(asked == 4);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    notify_wakes_as_many_as_it_says_in_the_order_of_waiting) {  // covers LOCK-025, TRI-031
  stage s;
  auto main = []() -> task<void> {
    condition c;
    journal said;
    co_await notify_some(c, 5);  // nobody waits
    const auto all = co_await waiters(c, &said, {"1", "2", "3", "4", "5", "6"});
    co_await notify_some(c, 1);
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"1"}));
    {
      const auto guard = co_await c.hold();
      c.notify(1);
      c.notify(2);
      c.notify(0);
    }
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"1", "2", "3", "4"}));
    co_await notify_some(c, 1000);
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"1", "2", "3", "4", "5", "6"}));
    for (const auto& each : all) co_await each;
    BOOST_TEST(c.waiter_count() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(notify_all_wakes_everybody) {  // covers TRI-031
  stage s;
  auto main = []() -> task<void> {
    condition c;
    journal said;
    const auto all = co_await waiters(c, &said, {"1", "2", "3"});
    {
      const auto guard = co_await c.hold();
      c.notify_all();
    }
    for (const auto& each : all) co_await each;
    BOOST_TEST((said == journal{"1", "2", "3"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(without_the_lock_nobody_may_notify_or_wait) {  // covers LOCK-027
  stage s;
  auto main = []() -> task<void> {
    condition c;
    BOOST_CHECK_THROW(c.notify(), invalid_state);
    BOOST_CHECK_THROW(c.notify_all(), invalid_state);
    BOOST_CHECK_THROW(co_await c.wait(), invalid_state);
    BOOST_CHECK_THROW(co_await c.wait_for([] { return false; }), invalid_state);
    BOOST_TEST(c.waiter_count() == 0U);
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_guard_holds_the_conditions_lock_inside_and_frees_it_outside) {  // covers LOCK-029
  stage s;
  auto main = []() -> task<void> {
    condition c;
    {
      const auto guard = co_await c.hold();
      BOOST_TEST(c.mutex().is_locked());
    }
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(conditions_may_share_a_lock) {
  stage s;
  auto main = []() -> task<void> {
    const lock l;
    const condition filled(l);
    const condition emptied(l);
    int items = 0;
    auto consuming = [&]() -> task<void> {
      for (int i = 0; i != 10; ++i) {
        const auto guard = co_await l.hold();
        co_await filled.wait_for([&] { return items != 0; });
        --items;
        emptied.notify();
      }
    };
    auto producing = [&]() -> task<void> {
      for (int i = 0; i != 10; ++i) {
        const auto guard = co_await l.hold();
        co_await emptied.wait_for([&] { return items == 0; });
        ++items;
        filled.notify();
      }
    };
    co_await gather(consuming(), producing());
    BOOST_TEST(items == 0);
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

// -- several workers ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(between_workers_every_item_is_consumed_while_waiters_give_up) {
  constexpr int each = 10000;
  runtime_options options;
  options.workers = 2;
  options.signals = signal_handling::none;
  int consumed = 0;  // guarded by the condition's lock
  auto main = [&]() -> task<void> {
    condition c;
    int items = 0;
    bool over = false;
    auto consuming = [&]() -> task<void> {
      for (;;) {
        const auto guard = co_await c.hold();
        co_await c.wait_for([&] { return items != 0 || over; });
        if (items == 0) co_return;
        --items;
        ++consumed;
      }
    };
    auto giving_up = [&]() -> task<void> {
      for (;;) {
        const auto guard = co_await c.hold();
        try {
          co_await timeout(10us, [&] { return c.wait_for([&] { return items != 0 || over; }); });
        } catch (const timeout_error&) {
          continue;
        }
        if (items == 0) co_return;
        --items;
        ++consumed;
      }
    };
    auto producing = [&]() -> task<void> {
      for (int i = 0; i != each; ++i) {
        const auto guard = co_await c.hold();
        ++items;
        c.notify();
      }
    };
    std::vector<task_handle<void>> consumers;
    for (int i = 0; i != 2; ++i) consumers.push_back(spawn(consuming()));
    for (int i = 0; i != 2; ++i) consumers.push_back(spawn(giving_up()));
    co_await gather(producing(), producing());
    {
      const auto guard = co_await c.hold();
      over = true;
      c.notify_all();
    }
    for (const auto& consumer : consumers) co_await consumer;
    BOOST_TEST(items == 0);
    BOOST_TEST(c.waiter_count() == 0U);
    BOOST_TEST(!c.mutex().is_locked());
  };
  run(main(), options);
  BOOST_TEST(consumed == 2 * each);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
