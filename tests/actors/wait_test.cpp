// Waiting for several tasks without owning them.
#include <buskin/actors/wait.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/detail/worker.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::detail::here;
using buskin::test::stage;

task<int> number(int value, duration delay) {
  co_await sleep(delay);
  co_return value;
}
task<int> failing(duration delay) {
  co_await sleep(delay);
  throw std::runtime_error("broken");
}
task<void> silent(duration delay) { co_await sleep(delay); }

using handles = std::vector<task_handle<int>>;

BOOST_AUTO_TEST_SUITE(wait_)

// covers TSK-038
BOOST_AUTO_TEST_CASE(waiting_for_all_ends_with_the_slowest_and_a_second_time_at_once) {
  stage s;
  auto main = []() -> task<void> {
    const handles all{spawn(number(1, 2s)), spawn(number(2, 5s))};
    for (int i = 0; i != 2; ++i) {
      const auto found = co_await wait(all);
      BOOST_TEST((found.done == all));
      BOOST_TEST(found.pending.empty());
    }
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 5s);
}

// covers TSK-039
BOOST_AUTO_TEST_CASE(a_task_that_is_given_twice_counts_once) {
  stage s;
  auto main = []() -> task<void> {
    auto one = spawn(number(1, 1s));
    auto two = spawn(number(2, 1s));
    const auto found = co_await wait(handles{one, two, one, one});
    BOOST_TEST((found.done == handles{one, two}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_first_to_end_is_enough_and_the_others_go_on) {
  stage s;
  auto main = []() -> task<void> {
    auto slow = spawn(number(1, 5s));
    auto quick = spawn(number(2, 1s));
    const auto found = co_await wait(handles{slow, quick}, when::first_completed);
    BOOST_TEST((found.done == handles{quick}));
    BOOST_TEST((found.pending == handles{slow}));
    BOOST_TEST(co_await slow == 1);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 5s);
}

// covers TSK-043
BOOST_AUTO_TEST_CASE(a_failure_that_is_there_already_ends_the_wait_for_the_first_one_at_once) {
  stage s;
  auto main = []() -> task<void> {
    auto bad = spawn(failing(1s));
    auto slow = spawn(number(1, 5s));
    co_await sleep(2s);
    const auto before = runtime::current().now();
    const auto found = co_await wait(handles{slow, bad}, when::first_exception);
    BOOST_TEST((runtime::current().now() == before));
    BOOST_TEST((found.done == handles{bad}));
    BOOST_TEST((found.pending == handles{slow}));
    BOOST_TEST((bad.exception() != nullptr));
    BOOST_TEST(co_await slow == 1);  // was not cancelled
  };
  s.run(main());
}

// covers TSK-044
BOOST_AUTO_TEST_CASE(the_first_failure_ends_the_wait_but_neither_values_nor_cancellations_do) {
  stage s;
  auto main = []() -> task<void> {
    auto good = spawn(number(1, 1s));
    auto dropped = spawn(number(2, 1h));
    auto bad = spawn(failing(3s));
    auto slow = spawn(number(3, 9s));
    auto cancelling = [&]() -> task<void> {
      co_await sleep(2s);
      dropped.cancel();
    };
    spawn(cancelling());
    const auto found = co_await wait(handles{good, dropped, bad, slow}, when::first_exception);
    BOOST_TEST((found.done == handles{good, dropped, bad}));
    BOOST_TEST((found.pending == handles{slow}));
    BOOST_TEST((bad.exception() != nullptr));
    const auto rest = co_await wait(handles{good, slow}, when::first_exception);  // none fails
    BOOST_TEST(rest.pending.empty());
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 9s);
}

// covers TSK-046
BOOST_AUTO_TEST_CASE(a_limit_that_passes_is_no_error_and_cancels_nobody) {
  stage s;
  auto main = []() -> task<void> {
    auto quick = spawn(number(1, 1s));
    auto slow = spawn(number(2, 5s));
    const auto found = co_await wait(handles{quick, slow}, when::all_completed, 2s);
    BOOST_TEST((found.done == handles{quick}));
    BOOST_TEST((found.pending == handles{slow}));
    BOOST_TEST(co_await slow == 2);
    const auto at_once = co_await wait(handles{quick}, when::all_completed, 0s);
    BOOST_TEST(at_once.done.size() == 1U);
    BOOST_TEST(here.worker->timers().size() == 0U);
  };
  s.run(main());
}

// covers TSK-047
BOOST_AUTO_TEST_CASE(a_task_that_ends_exactly_at_the_limit_is_done) {
  stage s;
  auto main = []() -> task<void> {
    for (const bool limit_first : {false, true}) {
      task_handle<int> work;
      if (!limit_first) {
        work = spawn(number(1, 1s));
        co_await yield();
      } else {
        work = spawn(number(1, 1s));  // its timer is armed after the wait's
      }
      const auto found = co_await wait(handles{work}, when::all_completed, 1s);
      BOOST_TEST(found.done.size() == 1U);
    }
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

// covers TSK-048
BOOST_AUTO_TEST_CASE(any_range_of_tasks_will_do_also_one_that_can_be_read_once) {
  stage s;
  auto main = []() -> task<void> {
    std::istringstream lengths("3 1 2");
    auto spawned = std::views::istream<int>(lengths) | std::views::transform([](int seconds) {
                     return spawn(number(seconds, std::chrono::seconds(seconds)));
                   });
    const auto found = co_await wait(spawned);
    BOOST_REQUIRE(found.done.size() == 3U);
    BOOST_TEST(found.done[0].result() == 3);
    BOOST_TEST(found.done[2].result() == 2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(tasks_of_several_types_are_awaited_together) {
  stage s;
  auto main = []() -> task<void> {
    const std::vector<any_task> all{spawn(number(1, 1s)), spawn(silent(2s))};
    const auto found = co_await wait(all);
    BOOST_TEST((found.done == all));
  };
  s.run(main());
}

// covers TSK-074
BOOST_AUTO_TEST_CASE(cancelling_the_one_who_waits_leaves_the_tasks_alone) {
  stage s;
  auto main = []() -> task<void> {
    const handles all{spawn(number(1, 5s)), spawn(number(2, 6s))};
    auto waiting = [&]() -> task<void> { co_await wait(all, when::all_completed, 1h); };
    auto waiter = spawn(waiting());
    co_await sleep(1s);
    waiter.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(!all[0].done());
    BOOST_TEST(co_await all[0] == 1);
    BOOST_TEST(co_await all[1] == 2);
    BOOST_TEST(here.worker->timers().size() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(nothing_and_nobody_cannot_be_waited_for) {
  stage s;
  auto main = []() -> task<void> {
    BOOST_CHECK_THROW(co_await wait(handles{}), std::invalid_argument);
    BOOST_CHECK_THROW(co_await wait(handles(1)), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_task_of_another_runtime_is_refused) {
  stage other;
  auto foreign = spawn(other.runtime, number(1, 1s));
  {
    stage s;
    auto main = [&]() -> task<void> {
      BOOST_CHECK_THROW(co_await wait(handles{foreign}), wrong_runtime);
    };
    s.run(main());
  }
  auto join = [&]() -> task<void> { co_await foreign; };
  other.run(join());
}

BOOST_AUTO_TEST_CASE(on_several_workers_every_end_is_seen) {
  stage s(runtime_options{.workers = 3});
  auto main = []() -> task<void> {
    for (int round = 0; round != 200; ++round) {
      handles all;
      for (int i = 0; i != 8; ++i) all.push_back(spawn(number(i, 0s)));
      auto first = co_await wait(all, when::first_completed);
      BOOST_REQUIRE(!first.done.empty());
      const auto found = co_await wait(all);
      BOOST_REQUIRE(found.done.size() == 8U);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
