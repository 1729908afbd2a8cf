// Locks and semaphores in another process: who holds one is known there, and that it has ended.
#include <buskin/actors/lock.hpp>

#include <buskin/actors/semaphore.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/far_actor.hpp"
#include "support/permit_holders.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

task<void> hold_for(lock l, journal* said, std::string name, duration length) {
  const auto guard = co_await l.hold();
  said->push_back(std::move(name));
  co_await sleep(length);
}

BOOST_AUTO_TEST_SUITE(far_lock_)

BOOST_AUTO_TEST_CASE_TEMPLATE(it_is_handed_over_in_the_order_of_asking, Setting, both_settings) {
  stage s;
  Setting where(s);
  journal said;
  auto main = [&]() -> task<void> {
    lock l;
    const auto reached = where.reach(l);
    auto one = spawn(hold_for(reached, &said, "one", 1s));
    co_await sleep(1ms);
    auto two = spawn(hold_for(l, &said, "two", 1s));
    co_await sleep(1ms);
    auto three = spawn(hold_for(reached, &said, "three", 1s));
    co_await sleep(1ms);
    BOOST_TEST(l.waiter_count() == 2U);
    co_await three;
    co_await sleep(1ms);
    BOOST_TEST(!l.is_locked());
    co_await one;
    co_await two;
  };
  s.run(main());
  BOOST_TEST((said == journal{"one", "two", "three"}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_a_task_holds_comes_back_when_it_ends_however, Setting,
                              both_settings) {
  stage s;
  Setting where(s);
  journal said;
  auto main = [&]() -> task<void> {
    semaphore permits(2);
    const auto reached = where.reach(permits);
    co_await spawn(take_for_good(reached));
    co_await sleep(1ms);
    BOOST_TEST(permits.available() == 2U);
    lock l;
    auto holder = spawn(hold_for(where.reach(l), &said, "holder", 1h));
    auto one = spawn(take(reached, &said, "one"));
    auto two = spawn(take(reached, &said, "two"));
    co_await sleep(1ms);
    auto three = spawn(take(reached, &said, "three"));
    co_await sleep(1ms);
    BOOST_TEST(permits.available() == 0U);
    BOOST_TEST(permits.waiter_count() == 1U);
    BOOST_TEST(said.size() == 3U);
    kill(one.actor());
    co_await sleep(1ms);
    BOOST_TEST(said.back() == "three");
    for (const auto& each : {two, three}) {
      each.cancel();
      BOOST_CHECK_THROW(co_await each, cancelled);
    }
    kill(holder.actor());
    co_await sleep(1ms);
    BOOST_TEST(permits.available() == 2U);
    BOOST_TEST(!l.is_locked());
    BOOST_CHECK_THROW(co_await one, cancelled);
    BOOST_CHECK_THROW(co_await holder, cancelled);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancelled_acquire_takes_nothing, Setting, both_settings) {
  stage s;
  Setting where(s);
  journal said;
  auto main = [&]() -> task<void> {
    semaphore permits(1);
    const auto reached = where.reach(permits);
    co_await reached.acquire();
    for (const bool killed : {false, true}) {
      auto waiting = spawn(take(reached, &said, "never"));
      co_await sleep(1ms);
      BOOST_TEST(permits.waiter_count() == 1U);
      if (killed)
        kill(waiting.actor());
      else
        waiting.cancel();
      BOOST_CHECK_THROW(co_await waiting, cancelled);
      co_await sleep(1ms);
      BOOST_TEST(permits.waiter_count() == 0U);
    }
    reached.release();
    co_await sleep(1ms);
    BOOST_TEST(permits.available() == 1U);
  };
  s.run(main());
  BOOST_TEST(said.empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_guard_gives_back_once, Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    semaphore permits(2);
    const auto reached = where.reach(permits);
    {
      auto guard = co_await reached.hold();
      BOOST_TEST(permits.available() == 1U);
      guard.release();
      co_await sleep(1ms);
      BOOST_TEST(permits.available() == 2U);
      const auto other = co_await reached.hold();
      co_await sleep(1ms);
      BOOST_TEST(permits.available() == 1U);
    }
    co_await sleep(1ms);
    BOOST_TEST(permits.available() == 2U);
  };
  s.run(main());
}

// -- there only -----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_permit_under_way_to_a_task_that_gives_up_comes_back) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    semaphore permits(1);
    const auto far = where.reach(permits);
    auto trying = [&]() -> task<void> {
      std::exception_ptr why;
      try {
        co_await far.acquire();
      } catch (const cancelled&) {
        why = std::current_exception();
      }
      co_await sleep(1s);  // it lives on: it is not its end that gives the permit back
      if (why) std::rethrow_exception(why);
    };
    for (const bool killed : {false, true}) {
      co_await permits.acquire();
      auto waiting = spawn(trying());
      co_await sleep(1ms);
      where.way->hold();
      permits.release();
      BOOST_TEST(permits.available() == 0U);
      BOOST_TEST(where.way->under_way() == 1U);
      if (killed)
        kill(waiting.actor());
      else
        waiting.cancel();
      co_await sleep(1ms);
      BOOST_TEST(waiting.done() == killed);
      where.way->flow();
      co_await sleep(1ms);
      BOOST_TEST(permits.available() == 1U);
      BOOST_TEST(where.way->pending() == 0U);
      BOOST_CHECK_THROW(co_await waiting, cancelled);
      co_await sleep(1ms);
      BOOST_TEST(permits.available() == 1U);  // once
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(when_the_connection_is_lost_what_was_held_over_it_comes_back) {
  stage s;
  in_another_process where(s);
  journal said;
  auto main = [&]() -> task<void> {
    lock l;
    const auto far = where.reach(l);
    auto holder = spawn(hold_for(far, &said, "holder", 1s));
    co_await sleep(1ms);
    auto waiting = spawn(hold_for(far, &said, "never", 1s));
    auto next = spawn(hold_for(l, &said, "next", 1s));
    co_await sleep(1ms);
    BOOST_TEST(l.waiter_count() == 2U);
    where.way->cut("no route");
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"holder", "next"}));
    BOOST_CHECK_EXCEPTION(co_await waiting, broken_promise, [](const auto& e) {
      return std::string(e.what()).find("no route") != std::string::npos;
    });
    co_await holder;  // it cannot know; the end of its guard is heard by nobody
    co_await next;
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_release_too_many_is_heard_of_by_nobody_and_changes_nothing) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    lock l;
    const auto far = where.reach(l);
    co_await far.acquire();
    BOOST_CHECK_THROW(static_cast<void>(far.is_locked()), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(far.try_acquire()), invalid_state);
    BOOST_TEST(l.is_locked());
    BOOST_TEST(to_string(far) ==
               "lock " + std::to_string(far.actor().id()) + ", in another process");
    far.release();
    far.release();  // once too often: nobody hears of it, and nothing happens
    co_await sleep(1ms);
    BOOST_TEST(!l.is_locked());
    BOOST_TEST(l.try_acquire());
    BOOST_TEST(!l.try_acquire());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_lock_is_no_semaphore_and_a_bounded_one_is_one) {
  stage s;
  auto main = [&]() -> task<void> {
    lock l;
    semaphore permits(2);
    bounded_semaphore bounded(1);
    BOOST_CHECK_THROW(lock::at(permits.actor()), std::invalid_argument);
    BOOST_CHECK_THROW(semaphore::at(l.actor()), std::invalid_argument);
    BOOST_TEST(lock::at(l.actor()).try_acquire());
    BOOST_TEST(l.is_locked());
    BOOST_TEST(semaphore::at(permits.actor()).available() == 2U);
    BOOST_CHECK_THROW(semaphore::at(bounded.actor()).release(), invalid_state);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
