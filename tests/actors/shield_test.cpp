// Awaiting what goes on when the waiter is cancelled.
#include <buskin/actors/shield.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <caf/actor_cast.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;

task<int> number(int value, duration delay = 2s) {
  co_await sleep(delay);
  co_return value;
}
task<int> failing(std::string text = "broken") {
  co_await sleep(2s);
  throw std::runtime_error(text);
}

task<int> through_shield(task_handle<int> inner) { co_return co_await shield(inner); }

BOOST_AUTO_TEST_SUITE(shield_)

// covers TSK-075, TSK-081
BOOST_AUTO_TEST_CASE(result_and_error_pass_through_also_of_what_has_ended) {
  stage s;
  auto main = []() -> task<void> {
    auto good = spawn(number(1));
    auto bad = spawn(failing());
    for (int i = 0; i != 2; ++i) {
      BOOST_TEST(co_await shield(good) == 1);
      BOOST_CHECK_THROW(co_await shield(bad), std::runtime_error);
    }
  };
  s.run(main());
}

// covers TSK-076
BOOST_AUTO_TEST_CASE(a_cancellation_of_the_inner_task_shows_through) {
  stage s;
  auto main = []() -> task<void> {
    auto inner = spawn(number(1));
    auto waiter = spawn(through_shield(inner));
    co_await sleep(1s);
    inner.cancel("inside");
    std::string message;
    try {
      co_await waiter;
    } catch (const cancelled& c) {
      message = c.message();
    }
    BOOST_TEST(message == "inside");
  };
  s.run(main());
}

// covers TSK-082
BOOST_AUTO_TEST_CASE(cancelling_the_waiter_ends_the_waiting_only) {
  stage s;
  auto main = []() -> task<void> {
    bool finished = false;
    auto body = [&]() -> task<int> {
      co_await sleep(2s);
      finished = true;
      co_return 1;
    };
    auto waiting = [&]() -> task<int> { co_return co_await shield(body()); };
    auto waiter = spawn(waiting());
    co_await sleep(1s);
    waiter.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(!finished);
    co_await sleep(2s);
    BOOST_TEST(finished);
  };
  s.run(main());
}

// covers TSK-077
BOOST_AUTO_TEST_CASE(a_cancelled_shield_leaves_nothing_behind_on_the_task) {
  stage s;
  auto main = []() -> task<void> {
    auto inner = spawn(number(1, 1h));
    caf::weak_actor_ptr seen;
    {
      auto waiter = spawn(through_shield(inner));
      seen = caf::actor_cast<caf::weak_actor_ptr>(waiter.actor());
      co_await sleep(1s);
      waiter.cancel();
      BOOST_CHECK_THROW(co_await waiter, cancelled);
    }
    co_await yield();
    // What watches a task keeps the one it tells alive.
    BOOST_TEST((seen.lock() == nullptr));
    inner.cancel();
  };
  s.run(main());
}

// covers TSK-080
BOOST_AUTO_TEST_CASE(a_later_error_behind_two_cancelled_shields_is_reported_once) {
  stage s;
  auto main = []() -> task<void> {
    auto inner = spawn(failing("nobody fetched it"), {"inner"});
    auto one = spawn(through_shield(inner));
    auto two = spawn(through_shield(inner));
    inner = {};
    co_await sleep(1s);
    one.cancel();
    two.cancel();
    BOOST_CHECK_THROW(co_await one, cancelled);
    BOOST_CHECK_THROW(co_await two, cancelled);
    one = two = {};
    co_await sleep(2s);
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK002");
  BOOST_TEST(incidents[0].who == "inner");
}

// covers TSK-083
BOOST_AUTO_TEST_CASE(a_shielded_gather_runs_to_its_full_list_of_results) {
  stage s;
  auto main = []() -> task<void> {
    auto both = spawn(gather(number(1, 2s), number(2, 3s)));
    auto waiting = [&]() -> task<void> { co_await shield(both); };
    auto waiter = spawn(waiting());
    co_await sleep(1s);
    waiter.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST((co_await both == std::tuple(1, 2)));
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 3s);
}

// covers WF-016
BOOST_AUTO_TEST_CASE(with_no_time_a_shielded_task_times_out_and_goes_on) {
  stage s;
  auto main = []() -> task<void> {
    auto inner = spawn(number(4));
    co_await yield();
    BOOST_CHECK_THROW(co_await wait_for(shield(inner), 0s), timeout_error);
    BOOST_TEST(!inner.done());
    BOOST_TEST(co_await inner == 4);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_empty_handle_cannot_be_shielded) {
  BOOST_CHECK_THROW((void)shield(task_handle<int>()), invalid_state);
}

BOOST_AUTO_TEST_CASE(on_several_workers_a_shield_is_cancelled_or_passed_but_never_both) {
  stage s(runtime_options{.workers = 3});
  auto main = []() -> task<void> {
    for (int i = 0; i != 500; ++i) {
      auto inner = spawn(number(1, 0s));
      auto waiter = spawn(through_shield(inner));
      waiter.cancel();
      try {
        BOOST_REQUIRE(co_await waiter == 1);
      } catch (const cancelled&) {
      }
      BOOST_REQUIRE(co_await inner == 1);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
