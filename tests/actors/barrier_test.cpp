// The barrier: rounds, places, parties that leave, reset and abort.
#include <buskin/actors/barrier.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;
using places = std::vector<std::size_t>;

template <class T>
concept awaitable = requires(T x) {
  x.await_ready();
}
|| requires(T x) { x.operator co_await(); };

task<std::size_t> pass(barrier b) { co_return co_await b.wait(); }

std::vector<task_handle<std::size_t>> parties(const barrier& b, int count) {
  std::vector<task_handle<std::size_t>> all;
  for (int i = 0; i != count; ++i) all.push_back(spawn(pass(b)));
  return all;
}

task<places> places_of(std::vector<task_handle<std::size_t>> all) {
  places found;
  for (const auto& each : all) found.push_back(co_await each);
  std::sort(found.begin(), found.end());
  co_return found;
}

task<void> all_broken(std::vector<task_handle<std::size_t>> all) {
  for (const auto& each : all) BOOST_CHECK_THROW(co_await each, broken_barrier);
}

BOOST_AUTO_TEST_SUITE(barrier_)

// covers LOCK-052: what does not compile changes nothing.
static_assert(!awaitable<barrier>);
static_assert(awaitable<decltype(std::declval<barrier>().wait())>);

BOOST_AUTO_TEST_CASE(a_wait_that_nobody_awaits_leaves_it_filling) {  // covers LOCK-052
  stage s;
  auto main = []() -> task<void> {
    barrier b(1);
    static_cast<void>(b.wait());
    BOOST_TEST(b.waiting() == 0U);
    BOOST_TEST(!b.broken());
    BOOST_TEST(co_await b.wait() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(fewer_than_one_party_are_refused) {  // covers LOCK-054
  stage s;
  auto main = []() -> task<void> {
    BOOST_CHECK_THROW(barrier(0), std::invalid_argument);
    const int less = -1;  // unsigned, what arrives is the converted number
    BOOST_CHECK_THROW(barrier(static_cast<std::size_t>(less)), std::invalid_argument);
    BOOST_TEST(barrier(1).parties() == 1U);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_single_party_passes_at_once) {  // covers LOCK-056
  stage s;
  auto main = []() -> task<void> {
    barrier b(1);
    for (int i = 0; i != 3; ++i) BOOST_TEST(co_await b.wait() == 0U);
    BOOST_TEST(b.waiting() == 0U);
    BOOST_TEST(!b.broken());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(arrivals_are_counted_until_the_last_one_lets_all_go) {  // covers LOCK-058
  stage s;
  auto main = []() -> task<void> {
    barrier b(4);
    std::vector<task_handle<std::size_t>> all;
    for (std::size_t i = 0; i != 3; ++i) {
      all.push_back(spawn(pass(b)));
      co_await sleep(1ms);
      BOOST_TEST(b.waiting() == i + 1);
      for (const auto& each : all) BOOST_TEST(!each.done());
    }
    BOOST_TEST(co_await b.wait() == 3U);
    for (std::size_t i = 0; i != 3; ++i) BOOST_TEST(co_await all[i] == i);
    BOOST_TEST(b.waiting() == 0U);
    BOOST_TEST(!b.broken());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_same_tasks_pass_it_again_at_once) {  // covers LOCK-059, LOCK-060
  stage s;
  auto main = []() -> task<void> {
    constexpr int count = 5;
    barrier b(count);
    std::vector<places> rounds(3);
    auto going = [&]() -> task<void> {
      for (auto& round : rounds) round.push_back(co_await b.wait());
    };
    std::vector<task_handle<void>> all;
    for (int i = 0; i != count; ++i) all.push_back(spawn(going()));
    for (const auto& each : all) co_await each;
    for (auto& round : rounds) {
      std::sort(round.begin(), round.end());
      BOOST_TEST((round == places{0, 1, 2, 3, 4}));
    }
    BOOST_TEST(b.waiting() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    who_is_early_for_the_next_round_is_held_back_until_this_one_has_left) {  // covers LOCK-062
  stage s;
  auto main = []() -> task<void> {
    barrier b(3);
    auto all = parties(b, 2);
    co_await sleep(1ms);
    co_await b.wait();
    // The other two have not had their turn. We come again.
    auto again = spawn(pass(b));
    BOOST_TEST(!all[0].done());
    auto wait = b.wait();
    BOOST_TEST(!wait.await_ready());
    BOOST_TEST(b.waiting() == 0U);
    BOOST_TEST(wait.withdraw());
    co_await all[0];
    co_await all[1];
    co_await sleep(1ms);
    BOOST_TEST(!again.done());
    BOOST_TEST(b.waiting() == 1U);
    auto others = parties(b, 2);
    others.push_back(again);
    BOOST_TEST((co_await places_of(others) == places{0, 1, 2}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(those_who_were_early_may_make_a_whole_round) {
  stage s;
  auto main = []() -> task<void> {
    barrier b(2);
    auto first = spawn(pass(b));
    co_await sleep(1ms);
    co_await b.wait();
    auto early = parties(b, 5);
    co_await sleep(1ms);
    co_await first;
    co_await sleep(1ms);
    const auto done =
        std::count_if(early.begin(), early.end(), [](const auto& each) { return each.done(); });
    BOOST_TEST(done == 4);
    BOOST_TEST(b.waiting() == 1U);
    co_await b.wait();
    for (const auto& each : early) co_await each;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_party_leaves_and_another_completes_the_round) {  // covers LOCK-063
  stage s;
  auto main = []() -> task<void> {
    barrier b(3);
    auto all = parties(b, 2);
    co_await sleep(1ms);
    BOOST_TEST(b.waiting() == 2U);
    all[0].cancel();
    BOOST_CHECK_THROW(co_await all[0], cancelled);
    BOOST_TEST(b.waiting() == 1U);
    BOOST_TEST(!b.broken());
    BOOST_TEST(!all[1].done());
    auto others = parties(b, 2);
    others.push_back(all[1]);
    // No two have the same place, although one was vacated.
    BOOST_TEST((co_await places_of(others) == places{0, 1, 2}));
    BOOST_TEST(b.waiting() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_killed_party_or_one_whose_deadline_passed_does_not_count) {
  stage s;
  auto main = []() -> task<void> {
    barrier b(2);
    auto one = spawn(pass(b));
    co_await sleep(1ms);
    caf::anon_send_exit(one.actor(), caf::exit_reason::kill);
    co_await sleep(1ms);
    BOOST_TEST(one.done());
    BOOST_TEST(b.waiting() == 0U);
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return b.wait(); }), timeout_error);
    BOOST_TEST(b.waiting() == 0U);
    BOOST_TEST((co_await places_of(parties(b, 2)) == places{0, 1}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_party_that_is_cancelled_or_killed_on_its_way_out_does_not_hold_up_the_next_round) {
  stage s;
  auto main = []() -> task<void> {
    barrier b(3);
    auto all = parties(b, 2);
    co_await sleep(1ms);
    co_await b.wait();
    all[0].cancel();
    caf::anon_send_exit(all[1].actor(), caf::exit_reason::kill);
    BOOST_TEST((co_await places_of(parties(b, 3)) == places{0, 1, 2}));
    BOOST_CHECK_THROW(co_await all[0], cancelled);
    BOOST_TEST(!b.broken());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(resetting_one_at_which_nobody_waits_changes_nothing) {  // covers LOCK-064
  stage s;
  auto main = []() -> task<void> {
    barrier b(2);
    b.reset();
    BOOST_TEST(b.waiting() == 0U);
    BOOST_TEST(!b.broken());
    BOOST_TEST((co_await places_of(parties(b, 2)) == places{0, 1}));
    b.reset();
    BOOST_TEST(!b.broken());
    BOOST_TEST((co_await places_of(parties(b, 2)) == places{0, 1}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_reset_fails_those_who_wait_and_begins_anew) {
  stage s;
  auto main = []() -> task<void> {
    barrier b(3);
    auto all = parties(b, 2);
    co_await sleep(1ms);
    b.reset();
    BOOST_TEST(!b.broken());
    BOOST_TEST(b.waiting() == 0U);
    auto next = parties(b, 3);  // held back until the two are out
    co_await all_broken(all);
    BOOST_TEST((co_await places_of(next) == places{0, 1, 2}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_reset_while_a_round_leaves_fails_those_who_have_not_left) {  // covers LOCK-066
  stage s;
  auto main = []() -> task<void> {
    barrier b(4);
    auto all = parties(b, 3);
    co_await sleep(1ms);
    BOOST_TEST(co_await b.wait() == 3U);  // the last one is out at once
    b.reset();
    co_await all_broken(all);
    BOOST_TEST(!b.broken());
    BOOST_TEST(b.waiting() == 0U);
    BOOST_TEST((co_await places_of(parties(b, 4)) == places{0, 1, 2, 3}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_reset_by_the_last_one_to_leave_spares_those_who_wait_for_the_next_round) {  // covers LOCK-069
  stage s;
  auto main = []() -> task<void> {
    barrier b(3);
    int out = 0;
    auto going = [&]() -> task<std::size_t> {
      co_await b.wait();
      if (++out == 3) {
        b.reset();
        co_return 0;
      }
      co_return co_await b.wait();
    };
    std::vector<task_handle<std::size_t>> all;
    for (int i = 0; i != 3; ++i) all.push_back(spawn(going()));
    co_await sleep(1ms);
    BOOST_TEST(out == 3);
    BOOST_TEST(!b.broken());
    const auto done =
        std::count_if(all.begin(), all.end(), [](const auto& each) { return each.done(); });
    BOOST_TEST(done == 1);
    BOOST_TEST(b.waiting() == 2U);
    co_await b.wait();
    for (const auto& each : all) co_await each;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_aborted_barrier_is_broken) {  // covers LOCK-070
  stage s;
  auto main = []() -> task<void> {
    barrier b(2);
    b.abort();
    BOOST_TEST(b.broken());
    BOOST_TEST(b.waiting() == 0U);
    BOOST_CHECK_THROW(co_await b.wait(), broken_barrier);
    b.abort();
    BOOST_TEST(b.broken());
  };
  s.run(main());
}

// covers LOCK-072, TRI-031
BOOST_AUTO_TEST_CASE(who_aborts_after_an_error_of_its_own_fails_the_others_now_or_when_they_come) {
  stage s;
  auto main = []() -> task<void> {
    barrier b(4);
    auto failing = [&]() -> task<void> {
      try {
        throw std::runtime_error("its own");
      } catch (const std::runtime_error&) {
        b.abort();
      }
      co_return;
    };
    auto now = parties(b, 2);
    co_await sleep(1ms);
    co_await spawn(failing());
    auto later = parties(b, 1);
    co_await all_broken(now);
    co_await all_broken(later);
    BOOST_TEST(b.broken());
    BOOST_TEST(b.waiting() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_abort_reaches_those_on_their_way_out_and_those_who_are_early) {
  stage s;
  auto main = []() -> task<void> {
    barrier b(3);
    auto all = parties(b, 2);
    co_await sleep(1ms);
    co_await b.wait();
    auto early = b.wait();
    BOOST_TEST(!early.await_ready());
    b.abort();
    BOOST_TEST(early.ready());
    BOOST_CHECK_THROW(early.await_resume(), broken_barrier);
    co_await all_broken(all);
    b.reset();
    BOOST_TEST(!b.broken());
    BOOST_TEST((co_await places_of(parties(b, 3)) == places{0, 1, 2}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_reset_mends_an_aborted_one) {  // covers LOCK-073
  stage s;
  auto main = []() -> task<void> {
    barrier b(3);
    auto all = parties(b, 2);
    co_await sleep(1ms);
    b.abort();
    BOOST_TEST(b.broken());
    b.reset();
    BOOST_TEST(!b.broken());
    co_await all_broken(all);
    BOOST_TEST((co_await places_of(parties(b, 3)) == places{0, 1, 2}));
    BOOST_TEST(!b.broken());
    BOOST_TEST(b.waiting() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_barrier_is_made_inside_of_a_runtime_only) {
  BOOST_CHECK_THROW(barrier(2), invalid_state);
}

// -- several workers ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(between_workers_no_party_is_ahead_by_more_than_a_round) {
  constexpr int count = 4;
  constexpr int rounds = 5000;
  runtime_options options;
  options.workers = 2;
  options.signals = signal_handling::none;
  std::atomic<int> arrived{0};
  std::atomic<int> wrong{0};
  std::atomic<std::size_t> sum{0};
  std::atomic<bool> over{false};
  auto main = [&]() -> task<void> {
    barrier b(count);
    auto going = [&]() -> task<void> {
      for (int round = 1; round <= rounds; ++round) {
        ++arrived;
        sum += co_await b.wait();
        if (arrived < round * count) ++wrong;
        if (arrived > (round + 1) * count) ++wrong;
      }
    };
    // Looks at it from outside, and comes and goes in between.
    auto looking = [&]() -> task<void> {
      while (!over) {
        if (b.waiting() > count || b.broken()) ++wrong;
        co_await yield();
      }
    };
    auto looker = spawn(looking());
    co_await gather(going(), going(), going(), going());
    over = true;
    co_await looker;
    BOOST_TEST(b.waiting() == 0U);
  };
  run(main(), options);
  BOOST_TEST(wrong == 0);
  BOOST_TEST(sum == std::size_t{rounds} * (0 + 1 + 2 + 3));
}

BOOST_AUTO_TEST_CASE(between_workers_parties_that_give_up_leave_no_trace) {
  runtime_options options;
  options.workers = 2;
  options.signals = signal_handling::none;
  auto main = [&]() -> task<void> {
    barrier b(3);
    auto coming = [&]() -> task<void> {
      for (int i = 0; i != 1000; ++i) {
        try {
          co_await timeout(20us, [&] { return b.wait(); });
        } catch (const timeout_error&) {
        } catch (const broken_barrier&) {
        }
        if (i % 64 == 0) b.reset();
      }
    };
    co_await gather(coming(), coming(), coming(), coming(), coming());
    BOOST_TEST(b.waiting() == 0U);
    BOOST_TEST((co_await places_of(parties(b, 3)) == places{0, 1, 2}));
  };
  run(main(), options);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
