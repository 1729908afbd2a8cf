// Broadcasts in another process.
#include <buskin/actors/broadcast.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/far_actor.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;
using numbers = std::vector<int>;

/// Notes what comes until the end.
task<void> note(subscription<int> from, numbers* seen) {
  try {
    for (;;) {
      const auto item = co_await from.next();
      if (item.missed != 0) seen->push_back(-static_cast<int>(item.missed));
      seen->push_back(item.value);
    }
  } catch (const queue_shutdown&) {
    seen->push_back(0);
  }
}

BOOST_AUTO_TEST_SUITE(far_broadcast_)

BOOST_AUTO_TEST_CASE_TEMPLATE(subscribers_see_every_item_and_the_end, Setting, both_settings) {
  stage s;
  Setting where(s);
  numbers one;
  numbers two;
  auto main = [&]() -> task<void> {
    broadcast<int> hub(10);
    const auto reached = where.reach(hub);
    hub.publish(1);
    auto first = spawn(note(reached.subscribe(), &one));
    co_await sleep(1ms);
    reached.publish(2);
    auto second = spawn(note(reached.subscribe(), &two));
    co_await sleep(1ms);
    hub.publish(3);
    co_await sleep(1ms);
    reached.close();
    co_await first;
    co_await second;
  };
  s.run(main());
  BOOST_TEST(one == (numbers{2, 3, 0}), boost::test_tools::per_element());
  BOOST_TEST(two == (numbers{3, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_slow_subscriber_is_told_how_many_it_missed, Setting,
                              both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    broadcast<int> hub(2);
    auto reader = where.reach(hub).subscribe();
    co_await sleep(1ms);
    for (int i = 1; i != 6; ++i) hub.publish(i);
    co_await sleep(1ms);
    const auto oldest = co_await reader.next();
    BOOST_TEST(oldest.value == 4);
    BOOST_TEST(oldest.missed == 3U);
    BOOST_TEST(reader.next_nowait()->value == 5);
    BOOST_TEST(!reader.next_nowait());
    auto waiting = [&]() -> task<void> { co_await reader.next(); };
    auto waiter = spawn(waiting());
    co_await sleep(1ms);
    waiter.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    hub.publish(6);
    BOOST_TEST((co_await reader.next()).value == 6);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_subscriber_is_told_that_the_connection_was_lost_after_what_had_come) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    broadcast<int> hub(2);
    const auto far = where.reach(hub);
    auto reader = far.subscribe();
    co_await sleep(1ms);
    hub.publish(1);
    co_await sleep(1ms);
    where.way->cut();
    BOOST_TEST((co_await reader.next()).value == 1);
    BOOST_CHECK_EXCEPTION(co_await reader.next(), broken_promise, [](const auto& e) {
      return std::string(e.what()).find("was lost: remote_link_unreachable") != std::string::npos;
    });
    auto late = far.subscribe();
    BOOST_CHECK_THROW(co_await late.next(), broken_promise);
    BOOST_CHECK_THROW(broadcast<std::string>::at(hub.actor()), std::invalid_argument);
    hub.publish(2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_hub_that_was_closed_says_so_to_those_who_come_later) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    broadcast<int> hub(2);
    const auto far = where.reach(hub);
    hub.close();
    auto reader = far.subscribe();
    BOOST_CHECK_THROW(co_await reader.next(), queue_shutdown);
    far.publish(1);  // its error is seen by nobody
    co_await sleep(1ms);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(when_the_last_reader_has_gone_the_hub_sends_no_more) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    broadcast<int> hub(2);
    const auto far = where.reach(hub);
    {
      auto reader = std::optional(far.subscribe());
      auto copy = *reader;
      co_await sleep(1ms);
      reader.reset();
      hub.publish(1);
      BOOST_TEST((co_await copy.next()).value == 1);
    }
    co_await sleep(1ms);
    where.way->hold();
    hub.publish(2);
    BOOST_TEST(where.way->under_way() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
