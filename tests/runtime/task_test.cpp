// The coroutine type alone: values, failures, ownership of frames.
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>
#include <buskin/runtime/task.hpp>

#include "support/instances.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::instance;
using buskin::test::stage;

task<int> answer() { co_return 42; }
task<int> plus_one(task<int> inner) { co_return co_await std::move(inner) + 1; }
task<int> failing() {
  co_await yield();
  throw std::runtime_error("no answer");
}

BOOST_AUTO_TEST_SUITE(task_)

BOOST_AUTO_TEST_CASE(
    a_value_passes_up_through_nested_awaits) {  // covers TSK-017, TSK-007, PEP-005, RUN-001
  stage s;
  BOOST_TEST(s.run(plus_one(plus_one(answer()))) == 44);
}

BOOST_AUTO_TEST_CASE(an_exception_comes_out_unchanged) {  // covers RUN-002
  stage s;
  BOOST_CHECK_EXCEPTION(s.run(plus_one(failing())), std::runtime_error,
                        [](const auto& e) { return std::string(e.what()) == "no answer"; });
}

BOOST_AUTO_TEST_CASE(a_value_that_is_no_standard_exception_can_be_thrown) {
  stage s;
  auto odd = []() -> task<void> {
    throw 7;
    co_return;
  };
  BOOST_CHECK_THROW(s.run(odd()), int);
}

task<std::unique_ptr<int>> make_unique_int(std::unique_ptr<int> from) {
  co_await yield();
  co_return from;
}

BOOST_AUTO_TEST_CASE(a_move_only_result_and_argument_pass_through) {  // covers COB-008
  stage s;
  BOOST_TEST(*s.run(make_unique_int(std::make_unique<int>(5))) == 5);
}

task<std::vector<int>> converted() { co_return {1, 2, 3}; }

BOOST_AUTO_TEST_CASE(a_braced_list_can_be_returned) {
  stage s;
  BOOST_TEST(s.run(converted()).size() == 3U);
}

task<void> nothing() { co_return; }

task<int> a_million_times() {
  int sum = 0;
  for (int i = 0; i != 1'000'000; ++i) {
    co_await nothing();
    ++sum;
  }
  co_return sum;
}

BOOST_AUTO_TEST_CASE(a_million_awaits_that_complete_at_once_do_not_grow_the_stack) {
  stage s;
  BOOST_TEST(s.run(a_million_times()) == 1'000'000);
}

task<int> deep(int levels) {
  if (levels == 0) co_return 0;
  co_return co_await deep(levels - 1) + 1;
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_frames_deep_is_no_recursion) {
  stage s;
  BOOST_TEST(s.run(deep(100'000)) == 100'000);
}

BOOST_AUTO_TEST_CASE(a_task_runs_only_when_it_is_awaited) {  // covers COB-001
  stage s;
  bool ran = false;
  auto body = [&]() -> task<void> {
    ran = true;
    co_return;
  };
  auto main = [&]() -> task<void> {
    auto later = body();
    co_await yield();
    BOOST_TEST(!ran);
    co_await std::move(later);
    BOOST_TEST(ran);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(one_that_never_started_is_reported_once_with_its_place) {
  stage s;
  auto main = []() -> task<void> {
    {
      auto forgotten = answer();
      auto moved = std::move(forgotten);
    }
    co_return;
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK001");
  BOOST_TEST(incidents[0].text.find("answer") != std::string::npos);
  BOOST_TEST(incidents[0].text.find("task_test.cpp:") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_that_was_dismissed_is_not_reported) {
  stage s;
  auto main = []() -> task<void> {
    auto unwanted = answer();
    unwanted.dismiss();
    BOOST_TEST(!unwanted);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(awaiting_twice_is_refused) {  // covers PEP-006
  stage s;
  auto main = []() -> task<void> {
    auto once = answer();
    BOOST_TEST(co_await once == 42);
    BOOST_CHECK_THROW(co_await once, invalid_state);
    task<int> none;
    BOOST_CHECK_THROW(co_await none, invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(frames_are_destroyed_with_what_they_hold) {  // covers COB-002
  int alive = 0;
  auto holder = [](instance, bool fail) -> task<void> {
    co_await yield();
    if (fail) throw std::runtime_error("x");
  };
  {
    stage s;
    s.run(holder(instance(alive), false));
    BOOST_TEST(alive == 0);
    BOOST_CHECK_THROW(s.run(holder(instance(alive), true)), std::runtime_error);
    BOOST_TEST(alive == 0);
    auto unused = holder(instance(alive), false);
    BOOST_TEST(alive == 1);
    unused.dismiss();
    BOOST_TEST(alive == 0);
  }
}

task<void> wait_holding(instance) { co_await sleep(1h); }
task<void> outer_holding(instance mine, instance inner) {
  const instance another(mine);
  co_await wait_holding(inner);
}

BOOST_AUTO_TEST_CASE(a_suspended_stack_is_unwound_at_shutdown) {
  int alive = 0;
  {
    stage s(manual_clock::mode::by_hand);
    auto main = [&]() -> task<void> {
      detail::start_task(runtime::current(), outer_holding(instance(alive), instance(alive)),
                         {"left over"}, std::source_location::current());
      co_await yield();
    };
    s.run(main());
    BOOST_TEST(alive > 0);
  }
  BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
