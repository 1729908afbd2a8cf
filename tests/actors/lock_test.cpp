// The lock: hand-over in order, cancellation, guards. Holders that end, and messages, are in
// lock_holders_test.cpp.
#include <buskin/actors/lock.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/condition.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/handlers.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/lock_holders.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

BOOST_AUTO_TEST_SUITE(lock_)

BOOST_AUTO_TEST_CASE(
    the_text_of_a_lock_says_whether_it_is_free_and_how_many_wait) {  // covers LOCK-001
  stage s;
  auto main = []() -> task<void> {
    lock l;
    journal said;
    BOOST_TEST(to_string(l) == "lock, free");
    BOOST_TEST(!l.is_locked());
    co_await l.acquire();
    BOOST_TEST(to_string(l) == "lock, held");
    BOOST_TEST(l.is_locked());
    auto one = spawn(take_and_release(l, &said, "one"));
    co_await sleep(1ms);
    BOOST_TEST(to_string(l) == "lock, held, 1 waits");
    auto two = spawn(take_and_release(l, &said, "two"));
    co_await sleep(1ms);
    BOOST_TEST(to_string(l) == "lock, held, 2 wait");
    BOOST_TEST(l.waiter_count() == 2U);
    l.release();
    co_await one;
    co_await two;
    BOOST_TEST(to_string(l) == "lock, free");
  };
  s.run(main());
}

// covers LOCK-002: what does not compile takes nothing.
static_assert(!awaitable<lock> && !lockable<lock>);
static_assert(awaitable<decltype(std::declval<lock>().acquire())>);
static_assert(awaitable<decltype(std::declval<lock>().hold())>);

// covers PEP-001: the guard can be released and moved, and that is all.
template <class Source>
using guard_of = std::remove_cvref_t<decltype(std::declval<Source>().hold().await_resume())>;
template <class Guard>
constexpr bool of_no_use =
    !std::is_copy_constructible_v<Guard> && !std::is_convertible_v<Guard, bool> &&
    !std::is_convertible_v<Guard, lock> && !awaitable<Guard> && !lockable<Guard> &&
    !requires(Guard g) {
  *g;
}
&&!requires(Guard g) { g.get(); }
&&!requires(Guard g) { g.acquire(); };
static_assert(of_no_use<guard_of<lock>> && of_no_use<guard_of<condition>>);
static_assert(of_no_use<guard_of<semaphore>> && of_no_use<guard_of<bounded_semaphore>>);

BOOST_AUTO_TEST_CASE(the_scope_form_takes_and_gives_back_each_kind_of_them) {  // covers PEP-001
  stage s;
  auto main = []() -> task<void> {
    const condition c;
    const auto in_a_scope = [](auto source, auto taken) -> task<void> {
      for (int i = 0; i != 2; ++i) {
        BOOST_TEST(!taken());
        {
          const auto guard = co_await source.hold();
          BOOST_TEST(taken());
        }
        BOOST_TEST(!taken());
        auto early = co_await source.hold();
        early.release();
        BOOST_TEST(!taken());
      }
    };
    const lock l;
    const semaphore one;
    const bounded_semaphore bounded;
    co_await in_a_scope(l, [&] { return l.is_locked(); });
    co_await in_a_scope(c, [&] { return c.mutex().is_locked(); });
    co_await in_a_scope(one, [&] { return one.locked(); });
    co_await in_a_scope(bounded, [&] { return bounded.locked(); });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_acquire_that_nobody_awaits_leaves_the_lock_free) {  // covers LOCK-002
  stage s;
  auto main = []() -> task<void> {
    lock l;
    static_cast<void>(l.acquire());
    static_cast<void>(l.hold());
    BOOST_TEST(!l.is_locked());
    BOOST_TEST(l.waiter_count() == 0U);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(it_is_handed_over_in_the_order_in_which_it_was_asked_for) {  // covers LOCK-004
  stage s;
  auto main = []() -> task<void> {
    lock l;
    journal said;
    co_await l.acquire();
    auto one = spawn(take(l, &said, "one"));
    auto two = spawn(take(l, &said, "two"));
    co_await sleep(1ms);
    BOOST_TEST(said.empty());
    l.release();
    auto three = spawn(take(l, &said, "three"));
    co_await one;
    // It ended with the lock and gave it up by that: the second has it now, and ends.
    co_await two;
    co_await three;
    BOOST_TEST((said == journal{"one", "two", "three"}));
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(one_release_lets_one_in) {  // covers LOCK-004
  stage s;
  auto main = []() -> task<void> {
    lock l;
    journal said;
    auto taking = [&](std::string name) -> task<void> {
      co_await l.acquire();
      said.push_back(std::move(name));
      co_await sleep(1h);
    };
    co_await l.acquire();
    std::vector<task_handle<void>> all;
    all.push_back(spawn(taking("one")));
    all.push_back(spawn(taking("two")));
    co_await sleep(1ms);
    l.release();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one"}));
    all.push_back(spawn(taking("three")));
    co_await sleep(1ms);
    l.release();  // in the name of the first
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one", "two"}));
    l.release();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one", "two", "three"}));
    for (const auto& each : all) co_await each;
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_acquire_leaves_no_trace) {  // covers LOCK-005
  stage s;
  auto main = []() -> task<void> {
    lock l;
    journal said;
    co_await l.acquire();
    auto waiting = spawn(take(l, &said, "waiting"));
    co_await sleep(1ms);
    BOOST_TEST(l.waiter_count() == 1U);
    waiting.cancel();
    BOOST_CHECK_THROW(co_await waiting, cancelled);
    BOOST_TEST(l.waiter_count() == 0U);
    l.release();
    BOOST_TEST(!l.is_locked());
    BOOST_TEST(said.empty());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_cancellation_and_a_release_in_one_turn_let_one_further_waiter_in) {  // covers LOCK-007
  for (const bool cancel_first : {true, false}) {
    stage s;
    auto main = [&]() -> task<void> {
      lock l;
      journal said;
      auto taking = [&](std::string name) -> task<void> {
        co_await l.acquire();
        said.push_back(std::move(name));
        co_await sleep(1h);
      };
      co_await l.acquire();
      auto one = spawn(taking("one"));
      auto two = spawn(taking("two"));
      auto three = spawn(taking("three"));
      co_await sleep(1ms);
      if (cancel_first) one.cancel();
      l.release();
      if (!cancel_first) one.cancel();
      co_await sleep(1ms);
      BOOST_TEST(one.cancelled());
      BOOST_TEST((said == journal{"two"}));
      BOOST_TEST(l.is_locked());
      BOOST_TEST(l.waiter_count() == 1U);
      three.cancel();
      BOOST_CHECK_THROW(co_await three, cancelled);
      BOOST_TEST(l.waiter_count() == 0U);
      BOOST_TEST(!two.done());
      co_await two;
      BOOST_TEST((said == journal{"two"}));
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_CASE(a_lock_on_its_way_to_a_cancelled_waiter_goes_to_the_next) {  // covers LOCK-008
  stage s;
  auto main = []() -> task<void> {
    lock l;
    co_await l.acquire();
    auto one = spawn(take_and_sleep(l));
    auto two = spawn(take_and_sleep(l));
    co_await sleep(1ms);
    one.cancel();
    l.release();
    co_await sleep(1ms);
    BOOST_CHECK_THROW(co_await one, cancelled);
    BOOST_TEST(l.is_locked());
    BOOST_TEST(l.waiter_count() == 0U);
    BOOST_TEST(!two.done());
    l.release();
    BOOST_TEST(!l.is_locked());
    co_await two;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_lock_on_its_way_to_a_waiter_whose_deadline_passes_then_goes_to_the_next) {
  stage s;
  auto main = []() -> task<void> {
    lock l;
    co_await l.acquire();
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return l.acquire(); }), timeout_error);
    BOOST_CHECK_THROW(static_cast<void>(co_await timeout(1s, [&] { return l.hold(); })),
                      timeout_error);
    BOOST_TEST(l.waiter_count() == 0U);
    l.release();
    co_await timeout(1s, [&] { return l.acquire(); });
    BOOST_TEST(l.is_locked());
    l.release();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(acquired_and_released_it_is_free) {  // covers LOCK-010
  stage s;
  auto main = []() -> task<void> {
    lock l;
    co_await l.acquire();
    l.release();
    BOOST_TEST(!l.is_locked());
    BOOST_TEST(l.try_acquire());
    BOOST_TEST(!l.try_acquire());
    l.release();
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(releasing_a_free_lock_is_an_error_and_changes_nothing) {
  stage s;
  auto main = []() -> task<void> {
    lock l;
    BOOST_CHECK_THROW(l.release(), invalid_state);
    co_await l.acquire();
    BOOST_TEST(l.is_locked());
    l.release();
    BOOST_CHECK_THROW(l.release(), invalid_state);
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_guard_releases_at_the_end_of_its_scope_also_when_an_exception_leaves_it) {
  stage s;
  auto main = []() -> task<void> {
    lock l;
    {
      const auto guard = co_await l.hold();
      BOOST_TEST(l.is_locked());
    }
    BOOST_TEST(!l.is_locked());
    auto failing = [&]() -> task<void> {
      const auto guard = co_await l.hold();
      throw std::runtime_error("no");
    };
    BOOST_CHECK_THROW(co_await failing(), std::runtime_error);
    BOOST_TEST(!l.is_locked());
    auto guard = co_await l.hold();
    auto moved = std::move(guard);
    BOOST_TEST(l.is_locked());
    moved.release();
    moved.release();
    BOOST_TEST(!l.is_locked());
    guard = co_await l.hold();
    moved = std::move(guard);
    BOOST_TEST(l.is_locked());
    moved.release();
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(tasks_exclude_each_other_and_take_turns) {
  stage s;
  auto main = []() -> task<void> {
    lock l;
    int inside = 0;
    journal said;
    auto working = [&](std::string name) -> task<void> {
      for (int i = 0; i != 3; ++i) {
        const auto guard = co_await l.hold();
        BOOST_TEST(++inside == 1);
        said.push_back(name);
        co_await sleep(1ms);
        --inside;
      }
    };
    co_await gather(working("a"), working("b"), working("c"));
    BOOST_TEST((said == journal{"a", "b", "c", "a", "b", "c", "a", "b", "c"}));
  };
  s.run(main());
}

// -- several workers ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(between_workers_one_is_inside_while_waiters_give_up_and_holders_are_killed) {
  runtime_options options;
  options.workers = 2;
  options.signals = signal_handling::none;
  std::atomic<int> inside{0};
  std::atomic<int> collisions{0};
  std::atomic<int> entered{0};
  int plain = 0;
  auto main = [&]() -> task<void> {
    lock l;
    auto working = [&]() -> task<void> {
      for (int i = 0; i != 20000; ++i) {
        const auto guard = co_await l.hold();
        if (++inside != 1) ++collisions;
        ++plain;
        ++entered;
        if (i % 8 == 0) co_await yield();
        --inside;
      }
    };
    auto giving_up = [&]() -> task<void> {
      for (int i = 0; i != 3000; ++i) {
        try {
          const auto guard = co_await timeout(5us, [&] { return l.hold(); });
          if (++inside != 1) ++collisions;
          ++plain;
          ++entered;
          --inside;
        } catch (const timeout_error&) {
        }
        co_await yield();
      }
    };
    auto dying = [&]() -> task<void> {
      for (int i = 0; i != 2000; ++i) {
        auto victim = spawn(hold_for(l, i % 2 == 0 ? 1us : duration(1h)));
        if (i % 3 == 0) co_await yield();
        kill(victim.actor());
        co_await gather(return_exceptions,
                        [](task_handle<void> v) -> task<void> { co_await v; }(victim));
      }
    };
    co_await gather(working(), working(), giving_up(), giving_up(), dying());
    BOOST_TEST(!l.is_locked());
    BOOST_TEST(l.waiter_count() == 0U);
  };
  run(main(), options);
  BOOST_TEST(collisions == 0);
  BOOST_TEST(plain == entered);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
