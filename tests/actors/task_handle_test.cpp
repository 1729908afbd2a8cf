// spawn and join.
#include <buskin/actors/task_handle.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/instances.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::instance;
using buskin::test::journal;
using buskin::test::stage;

task<int> after_a_while(int value, duration delay = 1s) {
  co_await sleep(delay);
  co_return value;
}
task<int> failing(std::string text = "broken") {
  co_await sleep(1s);
  throw std::runtime_error(text);
}

BOOST_AUTO_TEST_SUITE(task_handle_)

BOOST_AUTO_TEST_CASE(
    a_spawned_task_runs_by_itself_and_is_joined_for_its_value) {  // covers TSK-008, TSK-090
  stage s;
  auto main = []() -> task<void> {
    auto one = spawn(after_a_while(1), {"one"});
    auto two = spawn(after_a_while(2));
    BOOST_TEST(one.name() == "one");
    BOOST_TEST(!one.done());
    BOOST_TEST(co_await two == 2);
    BOOST_TEST(one.done());
    BOOST_TEST(co_await one.join() == 1);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 1s);
}

BOOST_AUTO_TEST_CASE(spawning_outside_of_a_runtime_is_refused) {
  BOOST_CHECK_THROW(spawn(after_a_while(1)), invalid_state);
}

BOOST_AUTO_TEST_CASE(a_task_can_be_joined_many_times_and_by_many) {
  stage s;
  int sum = 0;
  auto main = [&]() -> task<void> {
    auto work = spawn(after_a_while(5));
    auto joiner = [&]() -> task<void> { sum += co_await work; };
    auto first = spawn(joiner());
    auto second = spawn(joiner());
    co_await first;
    co_await second;
    sum += co_await work;
    sum += work.result();
  };
  s.run(main());
  BOOST_TEST(sum == 20);
}

BOOST_AUTO_TEST_CASE(
    joining_a_failed_task_again_and_again_throws_the_same_exception) {  // covers FU2-001
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(failing());
    std::exception_ptr seen[3];
    for (auto& each : seen) {
      try {
        co_await work;
      } catch (const std::runtime_error&) {
        each = std::current_exception();
      }
    }
    BOOST_TEST((seen[0] && seen[0] == seen[1] && seen[1] == seen[2]));
    BOOST_TEST((work.exception() == seen[0]));
    BOOST_CHECK_THROW(work.result(), std::runtime_error);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_pending_task_has_neither_result_nor_exception) {
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1));
    BOOST_CHECK_THROW(work.result(), invalid_state);
    BOOST_CHECK_THROW(work.exception(), invalid_state);
    co_await work;
    BOOST_TEST((work.exception() == nullptr));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(cancel_ends_it_with_the_message_and_is_refused_afterwards) {
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1));
    co_await yield();
    BOOST_TEST(work.cancel("not needed"));
    std::string message;
    try {
      co_await work;
    } catch (const cancelled& c) {
      message = c.message();
    }
    BOOST_TEST(message == "not needed");
    BOOST_TEST(work.done());
    BOOST_TEST(work.cancelled());
    BOOST_TEST(!work.cancel());
    BOOST_CHECK_THROW(work.result(), cancelled);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancel_after_the_end_is_harmless) {  // covers COB-004
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1, 0s));
    co_await work;
    BOOST_TEST(!work.cancel());
    BOOST_TEST(work.result() == 1);
    BOOST_TEST(!work.cancelled());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(cancelling_the_waiter_cancels_the_task_it_awaits) {  // covers TSK-065, WF-013
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1));
    auto waiting = [&]() -> task<void> { co_await work; };
    auto waiter = spawn(waiting());
    co_await sleep(1ms);
    waiter.cancel("by its owner");
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(work.cancelled());
    BOOST_TEST(waiter.cancelled());
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 1ms);
}

BOOST_AUTO_TEST_CASE(
    cancelling_the_waiter_waits_for_a_task_that_does_not_end_at_once) {  // covers WF-001
  stage s;
  journal log;
  auto stubborn = [&]() -> task<int> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
    }
    co_await sleep(1s);
    log.emplace_back("work ended");
    co_return 1;
  };
  auto main = [&]() -> task<void> {
    auto work = spawn(stubborn());
    auto waiting = [&]() -> task<void> {
      try {
        co_await work;
      } catch (const cancelled&) {
        log.emplace_back("waiter cancelled");
        throw;
      }
    };
    auto waiter = spawn(waiting());
    co_await sleep(1ms);
    waiter.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(work.result() == 1);
  };
  s.run(main());
  BOOST_TEST(log == (journal{"work ended", "waiter cancelled"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(
    a_waiter_cancelled_in_the_turn_in_which_the_task_ends_is_cancelled_and_the_result_is_kept) {  // covers WF-015
  stage s;
  auto main = []() -> task<void> {
    task_handle<void> waiter;
    auto ending = [&]() -> task<int> {
      co_await sleep(1s);
      waiter.cancel();
      co_return 8;
    };
    auto work = spawn(ending());
    bool went_on = false;
    auto waiting = [&]() -> task<void> {
      co_await work;
      went_on = true;
    };
    waiter = spawn(waiting());
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(!went_on);
    BOOST_TEST(work.result() == 8);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(self_cancellation_reaches_the_task_that_is_awaited_next) {  // covers TSK-035
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1));
    task_handle<void> self;
    auto body = [&]() -> task<void> {
      self.cancel();
      co_await work;
    };
    self = spawn(body());
    BOOST_CHECK_THROW(co_await self, cancelled);
    BOOST_TEST(work.cancelled());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_cancelled_task_that_is_awaited_cancels_its_waiter_unless_that_handles_it) {  // covers TSK-029
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1));
    auto waiting = [&]() -> task<void> { co_await work; };
    auto waiter = spawn(waiting());
    co_await sleep(1ms);
    work.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(waiter.cancelled());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_task_cannot_join_itself) {
  stage s;
  auto main = []() -> task<void> {
    task_handle<void> self;
    auto body = [&]() -> task<void> { co_await self; };
    self = spawn(body());
    BOOST_CHECK_THROW(co_await self, invalid_state);
  };
  s.run(main());
}

task<std::unique_ptr<int>> unique(int value) {
  co_await yield();
  co_return std::make_unique<int>(value);
}

BOOST_AUTO_TEST_CASE(a_move_only_result_is_taken_once) {
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(unique(3));
    auto value = co_await std::move(work);
    BOOST_TEST(*value == 3);
    auto other = spawn(unique(4));
    BOOST_TEST(*co_await other == 4);
    BOOST_CHECK_THROW(co_await other, invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_empty_handle_says_so) {
  task_handle<int> none;
  BOOST_TEST(!none);
  BOOST_CHECK_THROW(none.done(), invalid_state);
  BOOST_CHECK_THROW(none.cancel(), invalid_state);
  BOOST_CHECK_THROW((void)none.join(), invalid_state);
}

BOOST_AUTO_TEST_CASE(dropping_the_handle_does_not_stop_the_task) {
  stage s;
  bool ran = false;
  auto body = [&]() -> task<void> {
    co_await sleep(1s);
    ran = true;
  };
  auto main = [&]() -> task<void> {
    spawn(body());
    co_await sleep(2s);
  };
  s.run(main());
  BOOST_TEST(ran);
}

BOOST_AUTO_TEST_CASE(a_failure_that_nobody_awaited_is_reported_with_the_place_of_the_spawn) {
  stage s;
  auto main = []() -> task<void> {
    spawn(failing("lost"), {"loser"});
    co_await sleep(2s);
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK002");
  BOOST_TEST(incidents[0].who == "loser");
  BOOST_TEST(to_string(incidents[0].where).find("task_handle_test.cpp") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(tasks_are_spawned_from_outside_between_polls) {
  stage s(manual_clock::mode::by_hand);
  auto work = spawn(s.runtime, after_a_while(3));
  s.advance(1s);
  BOOST_TEST(work.result() == 3);
}

BOOST_AUTO_TEST_CASE(a_task_returned_by_a_task_is_handed_over_as_it_is) {  // covers TSK-070
  stage s;
  auto maker = []() -> task<task<int>> { co_return after_a_while(6); };
  auto main = [&]() -> task<void> {
    auto inner = co_await maker();
    BOOST_TEST(co_await std::move(inner) == 6);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_frame_is_gone_when_its_task_has_ended_also_while_handles_exist) {
  stage s;
  int alive = 0;
  auto body = [](instance) -> task<int> {
    co_await yield();
    co_return 1;
  };
  auto main = [&]() -> task<void> {
    auto work = spawn(body(instance(alive)));
    co_await work;
    BOOST_TEST(alive == 0);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
