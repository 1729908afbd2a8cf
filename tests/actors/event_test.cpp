// The event: waking everybody in order, set and clear, cancellation, and the message face.
#include <buskin/actors/event.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

task<void> wait_for_it(event e, journal* said, std::string name) {
  co_await e.wait();
  said->push_back(std::move(name));
}

BOOST_AUTO_TEST_SUITE(event_)

static_assert(!awaitable<event>);
static_assert(awaitable<decltype(std::declval<event>().wait())>);

BOOST_AUTO_TEST_CASE(it_is_not_set_at_first_and_stays_set_until_it_is_cleared) {
  stage s;
  auto main = []() -> task<void> {
    event e;
    BOOST_TEST(!e.is_set());
    e.set();
    BOOST_TEST(e.is_set());
    co_await e.wait();
    co_await e.wait();
    BOOST_TEST(e.is_set());
    e.clear();
    BOOST_TEST(!e.is_set());
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return e.wait(); }), timeout_error);
    BOOST_TEST(e.waiter_count() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    one_set_wakes_all_in_the_order_in_which_they_began_to_wait) {  // covers LOCK-013
  stage s;
  auto main = []() -> task<void> {
    event e;
    journal said;
    std::vector<task_handle<void>> all;
    for (const auto* name : {"one", "two", "three"})
      all.push_back(spawn(wait_for_it(e, &said, name)));
    co_await sleep(1ms);
    BOOST_TEST(e.waiter_count() == 3U);
    BOOST_TEST(said.empty());
    e.set();
    BOOST_TEST(e.waiter_count() == 0U);
    for (const auto& each : all) co_await each;
    BOOST_TEST((said == journal{"one", "two", "three"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_takes_its_first_step_after_the_set_does_not_suspend) {  // covers LOCK-013
  stage s;
  auto main = []() -> task<void> {
    event e;
    journal said;
    auto early = spawn(wait_for_it(e, &said, "early"));
    co_await sleep(1ms);
    auto late = spawn(wait_for_it(e, &said, "late"));
    e.set();
    BOOST_TEST(e.waiter_count() == 0U);
    co_await yield();
    co_await late;
    co_await early;
    // Either order of the two will do; what counts is that the late one never waited.
    BOOST_TEST(said.size() == 2U);
    auto later = [&]() -> task<void> {
      auto waiting = e.wait();
      BOOST_TEST(waiting.await_ready());
      co_return;
    };
    co_await later();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_clear_right_after_the_set_keeps_nobody_who_waited) {  // covers LOCK-017
  stage s;
  auto main = []() -> task<void> {
    event e;
    journal said;
    auto one = spawn(wait_for_it(e, &said, "one"));
    auto two = spawn(wait_for_it(e, &said, "two"));
    co_await sleep(1ms);
    e.set();
    e.clear();
    e.set();
    e.set();
    e.clear();
    auto late = spawn(wait_for_it(e, &said, "late"));
    co_await one;
    co_await two;
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one", "two"}));
    BOOST_TEST(!late.done());
    BOOST_TEST(e.waiter_count() == 1U);
    e.set();
    co_await late;
    BOOST_TEST((said == journal{"one", "two", "late"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_waiter_leaves_no_trace) {
  stage s;
  auto main = []() -> task<void> {
    event e;
    journal said;
    auto one = spawn(wait_for_it(e, &said, "one"));
    auto two = spawn(wait_for_it(e, &said, "two"));
    auto three = spawn(wait_for_it(e, &said, "three"));
    co_await sleep(1ms);
    two.cancel();
    caf::anon_send_exit(three.actor(), caf::exit_reason::kill);
    co_await sleep(1ms);
    BOOST_TEST(e.waiter_count() == 1U);
    e.set();
    co_await one;
    BOOST_CHECK_THROW(co_await two, cancelled);
    BOOST_TEST((said == journal{"one"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_event_is_made_inside_of_a_runtime_only) {
  BOOST_CHECK_THROW(event(), invalid_state);
}

// -- the message face -----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_waits_and_sets_by_messages) {
  stage s;
  auto main = [&]() -> task<void> {
    event asked;
    event answered;
    journal said;
    s.runtime.system().spawn([&](caf::event_based_actor* self) {
      self->request(asked.actor(), caf::infinite, await_event::value).then([&, self] {
        said.push_back("woken");
        self->request(answered.actor(), caf::infinite, set_event::value).then([&] {
          said.push_back("set");
        });
      });
    });
    co_await sleep(1ms);
    BOOST_TEST(asked.waiter_count() == 1U);
    BOOST_TEST(said.empty());
    asked.set();
    co_await answered.wait();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"woken", "set"}));
    co_await ask<void>(asked.actor(), 1s, await_event::value);
    BOOST_CHECK_THROW(co_await ask<void>(asked.actor(), 1s, "what"), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_waits_by_a_message_is_told_when_the_event_goes) {  // covers TRI-031
  stage s;
  auto main = [&]() -> task<void> {
    std::optional<event> e;
    e.emplace();
    journal said;
    s.runtime.system().spawn([&](caf::event_based_actor* self) {
      self->request(e->actor(), caf::infinite, await_event::value)
          .then([&] { said.push_back("woken"); }, [&](caf::error&) { said.push_back("told"); });
    });
    co_await sleep(1ms);
    BOOST_TEST(e->waiter_count() == 1U);
    e.reset();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"told"}));
  };
  s.run(main());
}

// -- several workers ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(between_workers_no_waiter_is_forgotten) {
  runtime_options options;
  options.workers = 2;
  options.signals = signal_handling::none;
  std::atomic<int> woken{0};
  auto main = [&]() -> task<void> {
    auto round = [&](event e) -> task<void> {
      try {
        co_await timeout(1h, [&] { return e.wait(); });
        ++woken;
      } catch (const timeout_error&) {
      }
    };
    for (int i = 0; i != 500; ++i) {
      event e;
      std::vector<task_handle<void>> all;
      for (int k = 0; k != 6; ++k) all.push_back(spawn(round(e)));
      if (i % 2 == 0) co_await yield();
      e.set();
      for (const auto& each : all) co_await each;
      BOOST_REQUIRE(e.waiter_count() == 0U);
    }
  };
  run(main(), options);
  BOOST_TEST(woken == 3000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
