// The semaphore: counting, order, cancellation, bounds. Holders that end, and messages, are in
// semaphore_holders_test.cpp.
#include <buskin/actors/semaphore.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/permit_holders.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

BOOST_AUTO_TEST_SUITE(semaphore_)

BOOST_AUTO_TEST_CASE(with_no_permits_it_is_exhausted) {  // covers LOCK-037
  stage s;
  auto main = []() -> task<void> {
    semaphore none(0);
    BOOST_TEST(none.locked());
    BOOST_TEST(none.available() == 0U);
    BOOST_TEST(!none.try_acquire());
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return none.acquire(); }), timeout_error);
    none.release();
    BOOST_TEST(!none.locked());
    co_await none.acquire();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    its_text_says_how_many_permits_are_free_and_how_many_wait) {  // covers LOCK-038
  stage s;
  auto main = []() -> task<void> {
    semaphore s2(2);
    journal said;
    BOOST_TEST(to_string(s2) == "semaphore, 2 permits");
    co_await s2.acquire();
    BOOST_TEST(to_string(s2) == "semaphore, 1 permit");
    co_await s2.acquire();
    BOOST_TEST(to_string(s2) == "semaphore, exhausted");
    auto one = spawn(take(s2, &said, "one"));
    co_await sleep(1ms);
    BOOST_TEST(to_string(s2) == "semaphore, exhausted, 1 waits");
    auto two = spawn(take(s2, &said, "two"));
    co_await sleep(1ms);
    BOOST_TEST(to_string(s2) == "semaphore, exhausted, 2 wait");
    one.cancel();
    two.cancel();
    co_await sleep(1ms);
    BOOST_TEST(to_string(bounded_semaphore(3)) == "semaphore, 3 permits");
  };
  s.run(main());
}

// covers LOCK-039, LOCK-002: what does not compile takes nothing.
static_assert(!awaitable<semaphore> && !lockable<semaphore>);
static_assert(!awaitable<bounded_semaphore> && !lockable<bounded_semaphore>);
static_assert(awaitable<decltype(std::declval<semaphore>().acquire())>);

BOOST_AUTO_TEST_CASE(
    it_has_one_permit_by_default_and_an_acquire_that_nobody_awaits_takes_none) {  // covers LOCK-039
  stage s;
  auto main = []() -> task<void> {
    BOOST_TEST(semaphore().available() == 1U);
    BOOST_TEST(bounded_semaphore().available() == 1U);
    semaphore one;
    static_cast<void>(one.acquire());
    static_cast<void>(one.hold());
    BOOST_TEST(one.available() == 1U);
    BOOST_TEST(one.waiter_count() == 0U);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_negative_number_of_permits_is_refused) {  // covers LOCK-040
  stage s;
  auto main = []() -> task<void> {
    // The parameter is unsigned: what arrives is the converted number, and no such count is taken.
    const int less = -1;
    BOOST_CHECK_THROW(semaphore(static_cast<std::size_t>(less)), std::invalid_argument);
    BOOST_CHECK_THROW(bounded_semaphore(static_cast<std::size_t>(less)), std::invalid_argument);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    released_permits_go_to_those_who_wait_and_not_to_a_newcomer) {  // covers LOCK-041
  stage s;
  auto main = []() -> task<void> {
    semaphore three(3);
    journal said;
    co_await three.acquire();
    co_await three.acquire();
    BOOST_TEST(!three.locked());
    co_await three.acquire();
    BOOST_TEST(three.locked());
    auto one = spawn(take(three, &said, "one"));
    auto two = spawn(take(three, &said, "two"));
    co_await sleep(1ms);
    three.release();
    three.release();
    BOOST_TEST(three.available() == 0U);
    BOOST_TEST(!three.try_acquire());
    auto newcomer = spawn(take(three, &said, "newcomer"));
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one", "two"}));
    BOOST_TEST(three.available() == 0U);
    BOOST_TEST(three.waiter_count() == 1U);
    for (const auto& each : {one, two, newcomer}) {
      each.cancel();
      BOOST_CHECK_THROW(co_await each, cancelled);
    }
    BOOST_TEST((said == journal{"one", "two", "newcomer"}));
    BOOST_TEST(three.available() == 2U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_acquire_leaves_no_waiter) {  // covers LOCK-042
  stage s;
  auto main = []() -> task<void> {
    semaphore one;
    journal said;
    co_await one.acquire();
    auto waiting = spawn(take(one, &said, "waiting"));
    co_await sleep(1ms);
    BOOST_TEST(one.waiter_count() == 1U);
    waiting.cancel("enough");
    try {
      co_await waiting;
      BOOST_ERROR("it was cancelled");
    } catch (const cancelled& e) {
      BOOST_TEST(e.message() == "enough");
    }
    BOOST_TEST(one.waiter_count() == 0U);
    one.release();
    BOOST_TEST(one.available() == 1U);
    BOOST_TEST(said.empty());
  };
  s.run(main());
}

// covers LOCK-043
BOOST_AUTO_TEST_CASE(
    with_the_first_two_waiters_cancelled_a_release_lets_the_third_in_and_only_that) {
  stage s;
  auto main = []() -> task<void> {
    semaphore one;
    journal said;
    co_await one.acquire();
    std::vector<task_handle<void>> all;
    for (const auto* name : {"one", "two", "three", "four"})
      all.push_back(spawn(take(one, &said, name)));
    co_await sleep(1ms);
    all[0].cancel();
    all[1].cancel();
    one.release();
    co_await sleep(1ms);
    BOOST_TEST(all[0].cancelled());
    BOOST_TEST(all[1].cancelled());
    BOOST_TEST((said == journal{"three"}));
    BOOST_TEST(one.waiter_count() == 1U);
    BOOST_TEST(one.locked());
    co_await all[3];
    BOOST_TEST((said == journal{"three", "four"}));
    BOOST_TEST(one.available() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_permit_that_was_granted_to_a_waiter_cancelled_then_comes_back) {  // covers LOCK-045
  stage s;
  auto main = []() -> task<void> {
    semaphore one;
    journal said;
    co_await one.acquire();
    auto waiting = spawn(take(one, &said, "waiting"));
    co_await sleep(1ms);
    one.release();
    BOOST_TEST(one.waiter_count() == 0U);
    waiting.cancel();
    BOOST_CHECK_THROW(co_await waiting, cancelled);
    BOOST_TEST(said.empty());
    co_await timeout(1ms, [&] { return one.acquire(); });
    one.release();
    BOOST_TEST(one.available() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_bounded_one_refuses_a_release_above_what_it_began_with) {  // covers LOCK-046
  stage s;
  auto main = []() -> task<void> {
    bounded_semaphore two(2);
    BOOST_CHECK_THROW(two.release(), invalid_state);
    BOOST_TEST(two.available() == 2U);
    co_await two.acquire();
    two.release();
    try {
      two.release();
      BOOST_ERROR("there are two");
    } catch (const invalid_state& e) {
      BOOST_TEST(std::string(e.what()) ==
                 "the semaphore was released more often than it was acquired");
    }
    bounded_semaphore none(0);
    BOOST_CHECK_THROW(none.release(), invalid_state);
    BOOST_TEST(none.available() == 0U);
    // Through a reference to its base it is what it is.
    const semaphore& base = two;
    BOOST_CHECK_THROW(base.release(), invalid_state);
    // The other kind takes any number.
    semaphore free(1);
    free.release();
    free.release();
    BOOST_TEST(free.available() == 3U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_refused_release_by_a_holder_does_not_spoil_its_record) {
  stage s;
  auto main = []() -> task<void> {
    bounded_semaphore one;
    auto holding = [&]() -> task<void> {
      co_await one.acquire();
      co_await sleep(1s);
      BOOST_CHECK_THROW(one.release(), invalid_state);
    };
    auto holder = spawn(holding());
    co_await sleep(1ms);
    one.release();
    co_await holder;
    BOOST_TEST(one.available() == 1U);
    co_await spawn(take_for_good(one));
    BOOST_TEST(one.available() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(acquired_and_released_it_is_available_again) {  // covers LOCK-047
  stage s;
  auto main = []() -> task<void> {
    semaphore one;
    co_await one.acquire();
    BOOST_TEST(one.locked());
    one.release();
    BOOST_TEST(!one.locked());
    {
      const auto guard = co_await one.hold();
      BOOST_TEST(one.locked());
    }
    BOOST_TEST(!one.locked());
    BOOST_TEST(one.try_acquire());
    one.release();
    BOOST_TEST(one.available() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(those_who_take_and_give_back_and_take_again_go_round) {  // covers LOCK-048
  stage s;
  auto main = []() -> task<void> {
    semaphore one;
    journal said;
    auto going = [&](std::string name) -> task<void> {
      for (int turn = 1; turn != 3; ++turn) {
        co_await one.acquire();
        said.push_back(name + std::to_string(turn));
        co_await sleep(1ms);
        one.release();
      }
    };
    co_await gather(going("a"), going("b"), going("c"));
    BOOST_TEST((said == journal{"a1", "b1", "c1", "a2", "b2", "c2"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_gives_back_and_asks_again_at_once_does_not_overtake) {  // covers LOCK-049
  stage s;
  auto main = []() -> task<void> {
    semaphore one;
    journal said;
    co_await one.acquire();
    auto first = spawn(take(one, &said, "first"));
    auto second = spawn(take(one, &said, "second"));
    co_await sleep(1ms);
    one.release();
    BOOST_TEST(!one.try_acquire());
    co_await one.acquire();
    said.push_back("again");
    BOOST_TEST((said == journal{"first", "second", "again"}));
    co_await first;
    co_await second;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    with_the_first_waiter_cancelled_two_releases_let_the_others_in) {  // covers LOCK-050
  for (const bool in_between : {false, true}) {
    stage s;
    auto main = [&]() -> task<void> {
      semaphore none(0);
      journal said;
      auto one = spawn(take(none, &said, "one"));
      auto two = spawn(take(none, &said, "two"));
      auto three = spawn(take(none, &said, "three"));
      co_await sleep(1ms);
      if (in_between) none.release();
      one.cancel();
      if (!in_between) none.release();
      none.release();
      co_await sleep(1ms);
      BOOST_TEST(one.cancelled());
      BOOST_TEST((said == journal{"two", "three"}));
      co_await two;
      co_await three;
    };
    s.run(main());
  }
}

// covers LOCK-051
BOOST_AUTO_TEST_CASE(
    releases_in_one_turn_wake_in_order_and_a_newcomer_sees_it_exhausted_meanwhile) {
  stage s;
  auto main = []() -> task<void> {
    semaphore none(0);
    journal said;
    task_handle<void> late;
    auto latecomer = [&]() -> task<void> {
      said.push_back("started by the first");
      co_return;
    };
    auto waiting = [&](std::string name) -> task<void> {
      co_await none.acquire();
      if (said.empty()) late = spawn(latecomer());
      BOOST_TEST(none.locked());
      said.push_back(std::move(name));
    };
    std::vector<task_handle<void>> all;
    for (const auto* name : {"one", "two", "three"}) all.push_back(spawn(waiting(name)));
    co_await sleep(1ms);
    for (int i = 0; i != 3; ++i) none.release();
    BOOST_TEST(none.locked());
    BOOST_TEST(!none.try_acquire());
    for (const auto& each : all) co_await each;
    co_await late;
    BOOST_TEST((said == journal{"one", "two", "three", "started by the first"}));
  };
  s.run(main());
}

// -- several workers ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(between_workers_the_permits_balance_while_waiters_give_up_and_holders_end) {
  constexpr int permits = 3;
  runtime_options options;
  options.workers = 2;
  options.signals = signal_handling::none;
  std::atomic<int> inside{0};
  std::atomic<int> too_many{0};
  auto main = [&]() -> task<void> {
    semaphore few(permits);
    auto visit = [&] {
      if (++inside > permits) ++too_many;
    };
    auto working = [&]() -> task<void> {
      for (int i = 0; i != 20000; ++i) {
        const auto guard = co_await few.hold();
        visit();
        if (i % 4 == 0) co_await yield();
        --inside;
      }
    };
    auto giving_up = [&]() -> task<void> {
      for (int i = 0; i != 3000; ++i) {
        try {
          const auto guard = co_await timeout(5us, [&] { return few.hold(); });
          visit();
          --inside;
        } catch (const timeout_error&) {
        }
        co_await yield();
      }
    };
    auto leaking = [&]() -> task<void> {
      for (int i = 0; i != 2000; ++i) {
        auto holder = spawn(take_for_good(few));
        if (i % 2 == 0) kill(holder.actor());
        while (!holder.done()) co_await yield();
      }
    };
    auto messaging = [&]() -> task<void> {
      for (int i = 0; i != 2000; ++i) {
        co_await ask<void>(few.actor(), infinite, acquire_permit::value);
        visit();
        --inside;
        co_await ask<void>(few.actor(), infinite, release_permit::value);
      }
    };
    co_await gather(working(), working(), working(), giving_up(), giving_up(), leaking(),
                    messaging());
    BOOST_TEST(few.available() == std::size_t{permits});
    BOOST_TEST(few.waiter_count() == 0U);
  };
  run(main(), options);
  BOOST_TEST(too_many == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
