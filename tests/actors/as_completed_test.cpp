// Results in the order in which they come.
#include <buskin/actors/as_completed.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/detail/worker.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <set>
#include <stdexcept>
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

std::vector<task<int>> three() {
  std::vector<task<int>> all;
  all.push_back(number(1, 3s));
  all.push_back(number(2, 1s));
  all.push_back(number(3, 2s));
  return all;
}

BOOST_AUTO_TEST_SUITE(as_completed_)

// covers TSK-049
BOOST_AUTO_TEST_CASE(results_come_in_the_order_of_completion_and_say_whose_they_are) {
  stage s;
  auto main = []() -> task<void> {
    std::vector<int> values;
    std::vector<std::size_t> places;
    auto all = as_completed(three());
    while (auto each = co_await all.next()) {
      values.push_back(each->result());
      places.push_back(each->index);
    }
    BOOST_TEST(values == (std::vector<int>{2, 3, 1}), boost::test_tools::per_element());
    BOOST_TEST(places == (std::vector<std::size_t>{1, 2, 0}), boost::test_tools::per_element());

    std::vector<task_handle<int>> handles{spawn(number(1, 2s)), spawn(number(2, 1s))};
    auto running = as_completed(handles);
    BOOST_TEST(((co_await running.next())->handle == handles[1]));
    BOOST_TEST(((co_await running.next())->handle == handles[0]));
    BOOST_TEST(!(co_await running.next()).has_value());
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 5s);
}

// covers TSK-052
BOOST_AUTO_TEST_CASE(a_limit_that_is_not_reached_leaves_no_timer_behind) {
  stage s;
  auto main = []() -> task<void> {
    auto all = as_completed(three(), 10s);
    int count = 0;
    while (co_await all.next()) ++count;
    BOOST_TEST(count == 3);
    BOOST_TEST(here.worker->timers().size() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_limit_that_passes_throws_and_the_tasks_go_on) {
  stage s;
  auto main = []() -> task<void> {
    std::vector<task_handle<int>> handles{spawn(number(1, 1s)), spawn(number(2, 5s))};
    auto all = as_completed(handles, 2s);
    BOOST_TEST((co_await all.next())->result() == 1);
    BOOST_CHECK_THROW(co_await all.next(), timeout_error);
    BOOST_CHECK_THROW(co_await all.next(), timeout_error);
    BOOST_TEST(co_await handles[1] == 2);
    BOOST_TEST((co_await all.next())->result() == 2);  // it is there: no need to wait
  };
  s.run(main());
}

// covers TSK-053
BOOST_AUTO_TEST_CASE(the_iteration_can_be_stopped_and_taken_up_again) {
  stage s;
  auto main = []() -> task<void> {
    auto all = as_completed(three());
    std::vector<int> values;
    values.push_back((co_await all.next())->result());
    co_await sleep(10s);
    BOOST_TEST(all.left() == 2U);
    while (auto each = co_await all.next()) values.push_back(each->result());
    BOOST_TEST(values == (std::vector<int>{2, 3, 1}), boost::test_tools::per_element());
  };
  s.run(main());
}

// covers TSK-054
BOOST_AUTO_TEST_CASE(of_several_asked_for_beforehand_whichever_is_awaited_first_is_the_first) {
  stage s;
  auto main = []() -> task<void> {
    auto all = as_completed(three());
    auto a = all.next();
    auto b = all.next();
    auto c = all.next();
    BOOST_TEST((co_await std::move(c))->result() == 2);
    BOOST_TEST((co_await std::move(a))->result() == 3);
    BOOST_TEST((co_await std::move(b))->result() == 1);
  };
  s.run(main());
}

// covers TSK-055
BOOST_AUTO_TEST_CASE(several_tasks_that_ask_at_once_get_every_result_once) {
  stage s;
  auto main = []() -> task<void> {
    auto all = as_completed(three());
    std::multiset<int> values;
    auto asking = [&]() -> task<void> {
      if (auto each = co_await all.next()) values.insert(each->result());
    };
    std::vector<task_handle<void>> askers;
    for (int i = 0; i != 4; ++i) askers.push_back(spawn(asking()));  // one more than there are
    for (auto& each : askers) co_await each;
    BOOST_TEST(values == (std::multiset<int>{1, 2, 3}), boost::test_tools::per_element());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_asker_that_is_cancelled_takes_nothing) {
  stage s;
  auto main = []() -> task<void> {
    auto all = as_completed(three());
    auto asking = [&]() -> task<void> { co_await all.next(); };
    auto asker = spawn(asking());
    co_await sleep(500ms);
    asker.cancel();
    BOOST_CHECK_THROW(co_await asker, cancelled);
    int count = 0;
    while (co_await all.next()) ++count;
    BOOST_TEST(count == 3);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_failure_comes_in_its_turn_and_stops_nobody) {
  stage s;
  auto main = []() -> task<void> {
    std::vector<task<int>> tasks;
    tasks.push_back(number(1, 2s));
    tasks.push_back(failing(1s));
    auto all = as_completed(std::move(tasks));
    auto first = co_await all.next();
    BOOST_TEST(first->index == 1U);
    BOOST_CHECK_THROW(first->result(), std::runtime_error);
    BOOST_TEST((co_await all.next())->result() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(tasks_that_were_started_for_it_end_with_it_but_others_go_on) {
  stage s;
  auto main = []() -> task<void> {
    auto mine = spawn(number(1, 5s));
    {
      auto own = as_completed(three());
      co_await own.next();
      auto others = as_completed(std::vector<task_handle<int>>{mine});
    }
    co_await yield();
    co_await yield();
    BOOST_TEST(runtime::current().alive() == 2U);  // main and mine
    BOOST_TEST(co_await mine == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(nothing_is_completed_at_once_and_an_empty_handle_is_refused) {
  stage s;
  auto main = []() -> task<void> {
    auto none = as_completed(std::vector<task<int>>{});
    BOOST_TEST(!(co_await none.next()).has_value());
    BOOST_CHECK_THROW(as_completed(std::vector<task_handle<int>>(1)), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(on_several_workers_each_is_given_out_once) {
  stage s(runtime_options{.workers = 3});
  auto main = []() -> task<void> {
    for (int round = 0; round != 100; ++round) {
      std::vector<task<int>> tasks;
      for (int i = 0; i != 10; ++i) tasks.push_back(number(i, 0s));
      auto all = as_completed(std::move(tasks));
      std::set<int> seen;
      while (auto each = co_await all.next()) BOOST_REQUIRE(seen.insert(each->result()).second);
      BOOST_REQUIRE(seen.size() == 10U);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
