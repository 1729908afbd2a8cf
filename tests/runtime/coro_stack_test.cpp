// Cancellation: how it reaches a stack of coroutines, how it is counted, and how a task ends by it.
#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/instances.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::detail::here;
using buskin::detail::task_actor;
using buskin::detail::task_state;
using buskin::test::instance;
using buskin::test::journal;
using buskin::test::stage;

template <class T>
lean_ref<task_actor<T>> start(stage& s, task<T> body,
                              std::source_location where = std::source_location::current()) {
  return detail::start_task(s.runtime, std::move(body), {"subject"}, where);
}

std::exception_ptr reason(const char* text) { return std::make_exception_ptr(cancelled(text)); }

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const cancelled& c) {
    return c.message();
  } catch (const std::exception& e) {
    return std::string("not cancelled: ") + e.what();
  }
}

task<void> sleep_long() { co_await sleep(1h); }
task<void> sleep_deeper() { co_await sleep_long(); }

BOOST_AUTO_TEST_SUITE(cancellation)

BOOST_AUTO_TEST_CASE(
    cancelling_a_sleeper_ends_it_and_takes_its_timer_out) {  // covers TSK-024, TSK-063
  stage s(manual_clock::mode::by_hand);
  auto subject = start(s, sleep_long());
  s.settle();
  auto& timers = detail::scheduler::of(s.runtime.system()).first().timers();
  BOOST_TEST(timers.size() == 1U);
  BOOST_TEST(subject->cancel(reason("enough")));
  s.settle();
  BOOST_TEST(timers.size() == 0U);
  BOOST_CHECK(subject->state() == task_state::cancelled);
  BOOST_TEST(!subject->cancel(reason("late")));
}

BOOST_AUTO_TEST_CASE(the_message_given_arrives_in_the_error) {  // covers TSK-002, TSK-025
  stage s(manual_clock::mode::by_hand);
  for (const char* text : {"", "because"}) {
    auto subject = start(s, sleep_deeper());
    s.settle();
    subject->cancel(reason(text));
    s.settle();
    BOOST_TEST(message_of(subject->exception()) == text);
    BOOST_CHECK_THROW(subject->result<false>(), cancelled);
  }
}

BOOST_AUTO_TEST_CASE(
    it_goes_down_to_the_innermost_await_and_up_through_every_handler) {  // covers TSK-073
  stage s(manual_clock::mode::by_hand);
  journal log;
  auto inner = [&]() -> task<void> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      log.emplace_back("inner");
      throw;
    }
  };
  auto outer = [&]() -> task<void> {
    try {
      co_await inner();
    } catch (const cancelled&) {
      log.emplace_back("outer");
      throw;
    }
  };
  auto subject = start(s, outer());
  s.settle();
  subject->cancel(reason("x"));
  s.settle();
  BOOST_TEST(log == (journal{"inner", "outer"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_task_that_swallows_it_ends_with_its_value) {  // covers TSK-031
  stage s(manual_clock::mode::by_hand);
  auto body = []() -> task<int> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
    }
    co_return 3;
  };
  auto subject = start(s, body());
  s.settle();
  subject->cancel(reason("x"));
  s.settle();
  BOOST_CHECK(subject->state() == task_state::finished);
  BOOST_TEST(subject->result<false>() == 3);
}

BOOST_AUTO_TEST_CASE(requests_are_counted_and_can_be_taken_back) {  // covers TSK-020
  stage s(manual_clock::mode::by_hand);
  std::uint32_t counted = 0;
  std::uint32_t left = 9;
  auto body = [&]() -> task<void> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      counted = here.stack->cancelling();
      here.stack->uncancel();
      left = here.stack->uncancel();
    }
    co_await sleep(1h);
  };
  auto subject = start(s, body());
  s.settle();
  // Two in one turn: both count, one error surfaces, with the first one's message.
  BOOST_TEST(subject->cancel(reason("first")));
  BOOST_TEST(subject->cancel(reason("second")));
  s.settle();
  BOOST_TEST(counted >= 1U);
  BOOST_TEST(left == 0U);
  s.advance(1h);
  BOOST_TEST(subject->done());
}

BOOST_AUTO_TEST_CASE(a_request_taken_back_before_it_surfaced_does_not_surface) {  // covers TSK-023
  stage s;
  auto body = [&]() -> task<int> {
    here.stack->cancel(reason("not meant"));
    BOOST_TEST(here.stack->cancelling() == 1U);
    BOOST_TEST(here.stack->uncancel() == 0U);
    co_await sleep(1ms);
    co_return 1;
  };
  BOOST_TEST(s.run(body()) == 1);
}

BOOST_AUTO_TEST_CASE(it_reaches_a_bare_yield) {  // covers TSK-028
  stage s(manual_clock::mode::by_hand);
  int turns = 0;
  auto body = [&]() -> task<void> {
    for (;;) {
      ++turns;
      co_await yield();
    }
  };
  auto subject = start(s, body());
  for (int i = 0; i != 5; ++i) s.runtime.step();
  subject->cancel(reason("x"));
  s.settle();
  BOOST_CHECK(subject->state() == task_state::cancelled);
  BOOST_TEST(turns < 100);
}

BOOST_AUTO_TEST_CASE(a_task_cancelled_before_its_first_step_never_runs) {  // covers TSK-027
  stage s(manual_clock::mode::by_hand);
  bool ran = false;
  int alive = 0;
  auto body = [&](instance) -> task<int> {
    ran = true;
    co_return 1;
  };
  auto subject = start(s, body(instance(alive)));
  subject->cancel(reason("too late to begin"));
  BOOST_TEST(!subject->done());
  s.settle();
  BOOST_TEST(!ran);
  BOOST_TEST(alive == 0);
  BOOST_CHECK(subject->state() == task_state::cancelled);
  BOOST_TEST(message_of(subject->exception()) == "too late to begin");
}

BOOST_AUTO_TEST_CASE(
    a_task_that_cancels_itself_and_does_not_wait_again_ends_as_cancelled) {  // covers TSK-034
  stage s(manual_clock::mode::by_hand);
  lean_ref<task_actor<int>> subject;
  auto body = [&]() -> task<int> {
    subject->cancel(reason("by myself"));
    co_return 1;
  };
  subject = start(s, body());
  s.settle();
  BOOST_CHECK(subject->state() == task_state::cancelled);
  BOOST_TEST(message_of(subject->exception()) == "by myself");
}

BOOST_AUTO_TEST_CASE(a_task_that_cancels_itself_is_cancelled_at_its_next_suspension) {
  stage s(manual_clock::mode::by_hand);
  lean_ref<task_actor<void>> subject;
  bool came_after = false;
  auto body = [&]() -> task<void> {
    subject->cancel(reason("by myself"));
    co_await sleep_deeper();
    came_after = true;
  };
  subject = start(s, body());
  s.settle();
  BOOST_CHECK(subject->state() == task_state::cancelled);
  BOOST_TEST(!came_after);
}

BOOST_AUTO_TEST_CASE(
    an_error_thrown_in_place_of_the_cancellation_is_what_the_task_ends_with) {  // covers TSK-026
  stage s(manual_clock::mode::by_hand);
  auto body = []() -> task<void> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      std::throw_with_nested(std::runtime_error("gave up"));
    }
  };
  auto subject = start(s, body());
  s.settle();
  subject->cancel(reason("why"));
  s.settle();
  BOOST_CHECK(subject->state() == task_state::failed);
  try {
    std::rethrow_exception(subject->exception());
  } catch (const std::runtime_error& error) {
    try {
      std::rethrow_if_nested(error);
      BOOST_ERROR("the cause is lost");
    } catch (const cancelled& cause) {
      BOOST_TEST(cause.message() == "why");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_sleeper_whose_time_came_in_the_turn_of_the_cancel_is_cancelled_once) {
  stage s(manual_clock::mode::by_hand);
  auto subject = start(s, sleep_long());
  s.settle();
  subject->cancel(reason("x"));
  s.clock.advance(1h);
  s.settle();
  BOOST_CHECK(subject->state() == task_state::cancelled);
}

BOOST_AUTO_TEST_CASE(cleanup_may_wait_after_a_cancellation) {
  stage s(manual_clock::mode::by_hand);
  bool cleaned = false;
  auto body = [&]() -> task<void> {
    std::exception_ptr interrupted;
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      interrupted = std::current_exception();
    }
    co_await sleep(1s);
    cleaned = true;
    std::rethrow_exception(interrupted);
  };
  auto subject = start(s, body());
  s.settle();
  subject->cancel(reason("x"));
  s.settle();
  BOOST_TEST(!subject->done());
  s.advance(1s);
  BOOST_TEST(cleaned);
  BOOST_CHECK(subject->state() == task_state::cancelled);
}

BOOST_AUTO_TEST_CASE(a_killed_task_is_unwound_and_its_awaits_complete_nowhere) {  // covers LNK-028
  stage s(manual_clock::mode::by_hand);
  int alive = 0;
  bool came_after = false;
  auto body = [&](instance) -> task<void> {
    try {
      co_await sleep(1s);
    } catch (...) {
      came_after = true;
    }
    came_after = true;
  };
  auto subject = start(s, body(instance(alive)));
  s.settle();
  caf::anon_send_exit(subject.handle(), caf::exit_reason::kill);
  s.settle();
  BOOST_TEST(subject->done());
  BOOST_TEST(alive == 0);
  s.advance(2s);
  BOOST_TEST(!came_after);
  BOOST_CHECK(subject->state() == task_state::cancelled);
}

BOOST_AUTO_TEST_CASE(an_exit_message_cancels_and_says_why) {
  stage s(manual_clock::mode::by_hand);
  auto subject = start(s, sleep_long());
  s.settle();
  caf::anon_send_exit(subject.handle(), caf::exit_reason::user_shutdown);
  s.settle();
  BOOST_CHECK(subject->state() == task_state::cancelled);
  BOOST_TEST(message_of(subject->exception()).find("user_shutdown") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(task_actor_)

BOOST_AUTO_TEST_CASE(an_exception_that_nobody_fetched_is_reported_once) {  // covers BAS-018
  stage s;
  auto body = []() -> task<void> {
    co_await yield();
    throw std::runtime_error("unseen");
  };
  {
    auto subject = start(s, body());
    s.settle();
    BOOST_CHECK(subject->state() == task_state::failed);
    BOOST_TEST(s.take_incidents().empty());
  }
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK002");
  BOOST_TEST(incidents[0].who == "subject");  // covers FU2-002
  BOOST_TEST(incidents[0].text.find("unseen") != std::string::npos);
  BOOST_TEST(to_string(incidents[0]).find("coro_stack_test.cpp:") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_exception_that_was_looked_at_is_not_reported) {
  stage s;
  auto body = []() -> task<void> {
    throw std::runtime_error("seen");
    co_return;
  };
  auto first = start(s, body());
  auto second = start(s, body());
  s.settle();
  BOOST_TEST((first->exception() != nullptr));
  BOOST_CHECK_THROW(second->result<false>(), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(neither_a_value_nor_a_cancellation_is_ever_reported) {
  stage s(manual_clock::mode::by_hand);
  auto value = []() -> task<int> { co_return 1; };
  start(s, value());
  auto subject = start(s, sleep_long());
  s.settle();
  subject->cancel(reason("x"));
  s.settle();
}

BOOST_AUTO_TEST_CASE(unnamed_tasks_have_different_names) {  // covers TSK-015
  stage s(manual_clock::mode::by_hand);
  auto one = detail::start_task(s.runtime, sleep_long(), {}, std::source_location::current());
  auto two = detail::start_task(s.runtime, sleep_long(), {}, std::source_location::current());
  BOOST_TEST(one->task_name() != two->task_name());
  BOOST_TEST(one->task_name().starts_with("task-"));
}

BOOST_AUTO_TEST_CASE(a_request_that_a_task_never_received_fails_when_it_ends) {  // covers LNK-027
  stage s(manual_clock::mode::by_hand);
  auto body = []() -> task<void> { co_await sleep(1s); };
  auto subject = start(s, body());
  caf::scoped_actor asker(s.runtime.system());
  auto request = asker->request(subject.handle(), caf::infinite, 1);
  s.advance(1s);
  caf::error failure;
  std::move(request).receive([] {}, [&](caf::error& e) { failure = std::move(e); });
  BOOST_TEST((failure == caf::sec::request_receiver_down));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
