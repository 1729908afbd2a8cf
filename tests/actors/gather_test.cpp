// Several tasks at once.
#include <buskin/actors/gather.hpp>

#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::detail::here;
using buskin::test::journal;
using buskin::test::stage;

task<int> number(int value, duration delay) {
  co_await sleep(delay);
  co_return value;
}
task<std::string> text(std::string value, duration delay) {
  co_await sleep(delay);
  co_return value;
}
task<void> quiet(duration delay) { co_await sleep(delay); }
task<int> failing(duration delay, std::string what = "failed") {
  co_await sleep(delay);
  throw std::runtime_error(what);
}
task<int> noting(journal& log, std::string name) {
  try {
    co_await sleep(1h);
  } catch (const cancelled&) {
    log.push_back(name + " cancelled");
    throw;
  }
  co_return 0;
}

BOOST_AUTO_TEST_SUITE(gather_)

BOOST_AUTO_TEST_CASE(
    results_come_in_the_order_of_the_arguments_when_the_slowest_is_done) {  // covers TSK-102
  stage s;
  auto main = []() -> task<void> {
    auto [a, b, c] = co_await gather(number(1, 3s), text("two", 1s), quiet(2s));
    BOOST_TEST(a == 1);
    BOOST_TEST(b == "two");
    (void)c;
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 3s);
}

BOOST_AUTO_TEST_CASE(a_range_yields_a_vector) {
  stage s;
  auto main = []() -> task<void> {
    std::vector<task<int>> tasks;
    for (int i = 0; i != 10; ++i) tasks.push_back(number(i, std::chrono::seconds(10 - i)));
    const auto results = co_await gather(std::move(tasks));
    BOOST_TEST(results == (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}),
               boost::test_tools::per_element());
    BOOST_TEST((co_await gather(std::vector<task<int>>())).empty());
    BOOST_TEST((co_await gather(std::vector<task<void>>())).empty());
    co_await gather();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(move_only_results_pass_through) {
  stage s;
  auto unique = [](int value) -> task<std::unique_ptr<int>> {
    co_await yield();
    co_return std::make_unique<int>(value);
  };
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await gather(unique(1), unique(2));
    BOOST_TEST(*a + *b == 3);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(failures_take_their_tasks_place_when_asked_for) {  // covers TSK-104, COB-018
  stage s;
  auto main = []() -> task<void> {
    auto [a, b, c] = co_await gather(return_exceptions, number(1, 3s), failing(1s), quiet(2s));
    BOOST_TEST(a.value() == 1);
    BOOST_TEST(!b);
    BOOST_CHECK_THROW(b.value(), std::runtime_error);
    BOOST_TEST(!!c);
    std::vector<task<int>> tasks;
    tasks.push_back(failing(1s));
    tasks.push_back(number(2, 2s));
    const auto results = co_await gather(return_exceptions, std::move(tasks));
    BOOST_TEST(!results[0]);
    BOOST_TEST(results[1].value() == 2);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 5s);
}

BOOST_AUTO_TEST_CASE(a_failure_cancels_and_awaits_the_others_and_comes_out) {  // covers COB-017
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    std::string what;
    try {
      co_await gather(noting(log, "a"), failing(1s), noting(log, "b"));
    } catch (const std::runtime_error& e) {
      what = e.what();
      BOOST_TEST(log.size() == 2U);
    }
    BOOST_TEST(what == "failed");
    BOOST_TEST(here.stack->cancelling() == 0U);
    co_await sleep(1s);
  };
  s.run(main());
  BOOST_TEST(log == (journal{"a cancelled", "b cancelled"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_that_fails_at_once_keeps_the_later_ones_from_beginning) {
  stage s;
  bool began = false;
  auto main = [&]() -> task<void> {
    auto at_once = []() -> task<int> {
      throw std::runtime_error("at once");
      co_return 0;
    };
    auto late = [&]() -> task<int> {
      began = true;
      co_return 0;
    };
    BOOST_CHECK_THROW(co_await gather(at_once(), late()), std::runtime_error);
  };
  s.run(main());
  BOOST_TEST(!began);
}

BOOST_AUTO_TEST_CASE(a_second_failure_is_not_reported_as_unfetched) {  // covers TSK-112
  stage s;
  auto main = []() -> task<void> {
    std::string what;
    try {
      co_await gather(failing(1s, "first"), failing(1s, "second"));
    } catch (const std::runtime_error& e) {
      what = e.what();
    }
    BOOST_TEST(what == "first");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    cancelling_the_waiter_cancels_every_child_and_waits_for_them) {  // covers TSK-111
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto waiting = [&]() -> task<void> { co_await gather(noting(log, "a"), noting(log, "b")); };
    auto waiter = spawn(waiting());
    co_await sleep(1s);
    waiter.cancel("stop");
    std::string message;
    try {
      co_await waiter;
    } catch (const cancelled& c) {
      message = c.message();
    }
    BOOST_TEST(message == "stop");
    BOOST_TEST(!waiter.cancel());
  };
  s.run(main());
  BOOST_TEST(log == (journal{"a cancelled", "b cancelled"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(
    a_loop_over_gathers_that_collect_failures_can_be_cancelled) {  // covers TSK-088
  stage s;
  auto main = []() -> task<void> {
    auto looping = []() -> task<void> {
      for (;;) co_await gather(return_exceptions, number(1, 1s), failing(1s));
    };
    auto loop = spawn(looping());
    co_await sleep(10500ms);
    loop.cancel("end of loop");
    std::string message;
    try {
      co_await loop;
    } catch (const cancelled& c) {
      message = c.message();
    }
    BOOST_TEST(message == "end of loop");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_child_that_was_cancelled_fails_the_gather_without_cancelling_its_owner) {  // covers TSK-108
  stage s;
  auto main = []() -> task<void> {
    auto gives_up = []() -> task<int> {
      co_await yield();
      throw cancelled("by itself");
    };
    BOOST_CHECK_THROW(co_await gather(number(1, 1s), gives_up()), cancelled);
    BOOST_TEST(here.stack->cancelling() == 0U);
    co_await sleep(1s);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(each_cancellation_of_the_waiter_reaches_children_that_clean_up) {
  stage s;
  int reached = 0;
  auto stubborn = [&]() -> task<void> {
    while (reached < 3) {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        ++reached;
      }
    }
  };
  auto main = [&]() -> task<void> {
    auto waiting = [&]() -> task<void> { co_await gather(gather(stubborn()), number(1, 1s)); };
    auto waiter = spawn(waiting());
    for (int i = 0; i != 3; ++i) {
      co_await sleep(2s);
      BOOST_TEST(reached == i);
      waiter.cancel();
    }
    BOOST_CHECK_THROW(co_await waiter, cancelled);
  };
  s.run(main());
  BOOST_TEST(reached == 3);
}

BOOST_AUTO_TEST_CASE(tasks_that_run_already_are_gathered_by_their_handles) {
  stage s;
  auto main = []() -> task<void> {
    auto running = spawn(number(1, 2s));
    auto ended = spawn(number(2, 0s));
    co_await sleep(1s);
    auto [a, b, c] = co_await gather(running, ended, number(3, 1s));
    BOOST_TEST(a + b + c == 6);
    // From then on they belong to the gather: a failure cancels them.
    auto slow = spawn(number(1, 1h));
    BOOST_CHECK_THROW(co_await gather(slow, failing(1s)), std::runtime_error);
    BOOST_TEST(slow.cancelled());
    std::vector<task_handle<int>> handles{spawn(number(4, 2s)), spawn(number(5, 1s))};
    BOOST_TEST(co_await gather(handles) == (std::vector<int>{4, 5}),
               boost::test_tools::per_element());
    auto bad = spawn(failing(1s));
    const auto all = co_await gather(return_exceptions, bad, number(6, 1s));
    BOOST_TEST(std::get<0>(all).has_error());
    BOOST_TEST(*std::get<1>(all) == 6);
  };
  s.run(main());
}

// covers TSK-106, TSK-113
BOOST_AUTO_TEST_CASE(a_task_of_another_runtime_is_refused_without_a_report_of_the_others) {
  static_assert(!gatherable<int> && !gatherable<std::vector<int>>);
  stage other;
  auto foreign = spawn(other.runtime, number(1, 1s));
  {
    stage s;
    auto main = [&]() -> task<void> {
      BOOST_CHECK_THROW(co_await gather(number(1, 1s), foreign, number(2, 1s)), wrong_runtime);
    };
    s.run(main());  // what was begun is cancelled, what was not is dropped, and no incident
  }
  auto join = [&]() -> task<int> { co_return co_await foreign; };
  BOOST_TEST(other.run(join()) == 1);
}

BOOST_AUTO_TEST_CASE(with_eager_tasks_a_gather_is_the_same) {
  stage s(runtime_options{.eager_tasks = true});
  bool began = false;
  auto main = [&]() -> task<void> {
    auto at_once = []() -> task<int> { co_return 1; };
    auto [a, b] = co_await gather(at_once(), number(2, 1s));
    BOOST_TEST(a + b == 3);
    auto failing_at_once = []() -> task<int> {
      throw std::runtime_error("at once");
      co_return 0;
    };
    auto late = [&]() -> task<int> {
      began = true;
      co_return 0;
    };
    BOOST_CHECK_THROW(co_await gather(failing_at_once(), late()), std::runtime_error);
  };
  s.run(main());
  BOOST_TEST(!began);
}

BOOST_AUTO_TEST_CASE(a_gather_in_a_gather_works) {
  stage s;
  auto main = []() -> task<void> {
    auto [left, right] =
        co_await gather(gather(number(1, 1s), number(2, 2s)), gather(number(3, 3s)));
    BOOST_TEST(std::get<0>(left) + std::get<1>(left) + std::get<0>(right) == 6);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
