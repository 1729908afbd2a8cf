// One to many.
#include <buskin/actors/broadcast.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;
using numbers = std::vector<int>;

BOOST_AUTO_TEST_SUITE(broadcast_)

BOOST_AUTO_TEST_CASE(every_subscriber_sees_every_item_that_was_published_after_it_came) {
  stage s;
  auto main = []() -> task<void> {
    broadcast<int> hub(16);
    numbers seen[2];
    auto reading = [](subscription<int> from, numbers& into) -> task<void> {
      try {
        for (;;) into.push_back((co_await from.next()).value);
      } catch (const queue_shutdown&) {
      }
    };
    hub.publish(0);
    auto one = spawn(reading(hub.subscribe(), seen[0]));
    hub.publish(1);
    co_await sleep(1ms);
    hub.publish(2);
    auto two = spawn(reading(hub.subscribe(), seen[1]));
    hub.publish(3);
    co_await sleep(1ms);
    hub.publish(4);
    hub.close();
    co_await one;
    co_await two;
    BOOST_TEST(seen[0] == (numbers{1, 2, 3, 4}), boost::test_tools::per_element());
    BOOST_TEST(seen[1] == (numbers{3, 4}), boost::test_tools::per_element());
    BOOST_CHECK_THROW(hub.publish(5), queue_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(one_that_is_too_slow_is_told_how_many_it_missed) {
  stage s;
  auto main = []() -> task<void> {
    broadcast<int> hub(3);
    auto slow = hub.subscribe();
    for (int i = 0; i != 10; ++i) hub.publish(i);
    const auto first = co_await slow.next();
    BOOST_TEST(first.value == 7);
    BOOST_TEST(first.missed == 7U);
    const auto second = co_await slow.next();
    BOOST_TEST(second.value == 8);
    BOOST_TEST(second.missed == 0U);
    hub.close();
    BOOST_TEST((co_await slow.next()).value == 9);
    BOOST_CHECK_THROW(co_await slow.next(), queue_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(next_nowait_takes_what_is_there) {
  stage s;
  auto main = []() -> task<void> {
    broadcast<std::string> hub(3);
    auto reader = hub.subscribe();
    BOOST_TEST(!reader.next_nowait().has_value());
    hub.publish("a");
    BOOST_TEST(reader.next_nowait()->value == "a");
    BOOST_TEST(!reader.next_nowait().has_value());
    hub.close();
    BOOST_CHECK_THROW(reader.next_nowait(), queue_shutdown);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_next_reads_nothing) {
  stage s;
  auto main = []() -> task<void> {
    broadcast<int> hub(3);
    auto reader = hub.subscribe();
    auto waiting = [&]() -> task<void> { co_await reader.next(); };
    for (int i = 0; i != 2; ++i) {
      auto waiter = spawn(waiting());
      co_await sleep(1ms);
      if (i == 1) hub.publish(1);
      waiter.cancel();
      BOOST_CHECK_THROW(co_await waiter, cancelled);
    }
    BOOST_TEST((co_await reader.next()).value == 1);
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return reader.next(); }), timeout_error);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_caf_actor_subscribes_by_message_until_it_unsubscribes_or_ends) {
  stage s;
  numbers seen;
  auto main = [&]() -> task<void> {
    broadcast<int> hub(3);
    const auto listener =
        s.runtime.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
          self->send(hub.actor(), subscribe::value);
          return {[&](publish, int item) { seen.push_back(item); },
                  [self, hub](unsubscribe) { self->send(hub.actor(), unsubscribe::value); }};
        });
    co_await sleep(1ms);
    hub.publish(1);
    hub.publish(2);
    co_await sleep(1ms);
    caf::anon_send(listener, unsubscribe::value);
    co_await sleep(1ms);
    hub.publish(3);
    co_await sleep(1ms);
    caf::anon_send_exit(listener, caf::exit_reason::user_shutdown);
    co_await sleep(1ms);
    hub.publish(4);
    BOOST_CHECK_THROW(co_await ask<void>(hub.actor(), 1s, "what"), request_failed);
  };
  s.run(main());
  BOOST_TEST(seen == (numbers{1, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_caf_actor_publishes_and_hears_of_the_end_by_messages) {
  stage s;
  numbers seen;
  auto main = [&]() -> task<void> {
    broadcast<int> hub(3);
    const auto listener =
        s.runtime.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
          self->send(hub.actor(), subscribe::value);
          self->send(hub.actor(), subscribe::value);  // once is enough, twice does no harm
          return {[&](publish, int item) { seen.push_back(item); },
                  [&, self](publish_end) {
                    seen.push_back(-1);
                    self->quit();
                  }};
        });
    auto reader = hub.subscribe();
    co_await sleep(1ms);
    co_await ask<void>(hub.actor(), 1s, publish::value, 1);
    BOOST_TEST((co_await reader.next()).value == 1);
    hub.close();
    hub.close();
    co_await sleep(1ms);
    BOOST_CHECK_THROW(co_await ask<void>(hub.actor(), 1s, publish::value, 2), queue_shutdown);
    BOOST_CHECK_THROW(co_await ask<void>(hub.actor(), 1s, subscribe::value), queue_shutdown);
  };
  s.run(main());
  BOOST_TEST(seen == (numbers{1, -1}), boost::test_tools::per_element());
}

// covers TRI-024: a subscription's copy ends with the task that reads it.
BOOST_AUTO_TEST_CASE(a_copy_that_goes_wakes_nobody_else_and_the_last_one_everybody) {
  stage s;
  auto main = []() -> task<void> {
    std::optional<broadcast<int>> one(3);
    std::optional<broadcast<int>> two(one);
    auto reading = [](subscription<int> mine) -> task<int> {
      co_return (co_await mine.next()).value;
    };
    const auto original = one->subscribe();
    auto first = spawn(reading(original));
    auto second = spawn(reading(original));
    auto third = spawn(reading(original));
    co_await sleep(1ms);
    first.cancel();
    two.reset();
    co_await sleep(1ms);
    BOOST_TEST(first.done());
    BOOST_TEST(!second.done());
    BOOST_TEST(!third.done());
    one->publish(7);  // the end that is left still works
    BOOST_TEST(co_await second == 7);
    auto late = spawn(reading(one->subscribe()));
    co_await sleep(1ms);
    one.reset();
    BOOST_CHECK_THROW(co_await late, queue_shutdown);
    BOOST_TEST(co_await third == 7);  // what came before the end can still be read
    BOOST_CHECK_THROW(co_await first, cancelled);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(when_the_last_publisher_is_gone_subscribers_are_told) {
  stage s;
  auto main = []() -> task<void> {
    std::optional<broadcast<int>> one(3);
    std::optional<broadcast<int>> two(one);
    auto reader = one->subscribe();
    auto waiting = [&]() -> task<void> { co_await reader.next(); };
    auto waiter = spawn(waiting());
    one.reset();
    co_await sleep(1ms);
    BOOST_TEST(!waiter.done());
    two.reset();
    BOOST_CHECK_THROW(co_await waiter, queue_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_broadcast_that_keeps_nothing_is_refused) {
  stage s;
  auto main = []() -> task<void> {
    BOOST_CHECK_THROW(broadcast<int>(0), std::invalid_argument);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
