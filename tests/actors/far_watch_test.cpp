// Watches in another process.
#include <buskin/actors/watch.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/far_actor.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

BOOST_AUTO_TEST_SUITE(far_watch_)

BOOST_AUTO_TEST_CASE_TEMPLATE(an_observer_sees_the_latest_value_and_then_the_end, Setting,
                              both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    watch<int> w(1);
    const auto reached = where.reach(w);
    auto o = reached.observe();
    reached.set(2);
    co_await sleep(1ms);
    BOOST_TEST(co_await o.next() == 2);
    BOOST_TEST(o.get() == 2);
    auto following = [&]() -> task<int> {
      co_await o.changed();
      co_return o.read([](const int& value) { return value; });
    };
    auto follower = spawn(following());
    co_await sleep(1ms);
    BOOST_TEST(!follower.done());
    BOOST_TEST(w.waiter_count() == 1U);
    w.set(3);
    BOOST_TEST(co_await follower == 3);
    w.set(4);
    w.set(5);
    auto copy = o;
    BOOST_TEST(co_await o.next() == 5);
    BOOST_TEST(co_await copy.next() == 5);
    reached.close();
    BOOST_CHECK_THROW(co_await o.next(), watch_closed);
    BOOST_TEST(o.get() == 5);
    reached.close();
    co_await sleep(1ms);
    BOOST_TEST(w.closed());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancelled_wait_sees_nothing, Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    watch<int> w(1);
    w.set(2);
    auto o = where.reach(w).observe();
    w.set(3);
    BOOST_TEST(co_await o.next() == 3);
    auto waiting = [&]() -> task<void> { co_await o.changed(); };
    for (const bool killed : {false, true}) {
      auto waiter = spawn(waiting());
      co_await sleep(1ms);
      BOOST_TEST(w.waiter_count() == 1U);
      if (killed)
        kill(waiter.actor());
      else
        waiter.cancel();
      BOOST_CHECK_THROW(co_await waiter, cancelled);
      co_await sleep(1ms);
      BOOST_TEST(w.waiter_count() == 0U);
    }
    w.set(4);
    BOOST_TEST(co_await o.next() == 4);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_observer_elsewhere_begins_before_the_first_value) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    watch<std::string> w("first");
    const auto far = where.reach(w);
    auto o = far.observe();
    BOOST_CHECK_THROW(o.get(), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(o.has_changed()), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(o.closed()), invalid_state);
    BOOST_TEST(co_await o.next() == "first");
    BOOST_CHECK_THROW(static_cast<void>(far.get()), invalid_state);
    BOOST_CHECK_THROW(far.modify([](std::string&) {}), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(far.closed()), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(far.waiter_count()), invalid_state);
    BOOST_CHECK_THROW(watch<int>::at(w.actor()), std::invalid_argument);
    BOOST_TEST(watch<std::string>::at(w.actor()).get() == "first");
    auto waiting = [&]() -> task<void> { co_await o.changed(); };
    auto waiter = spawn(waiting());
    co_await sleep(1ms);
    where.way->cut();
    BOOST_CHECK_THROW(co_await waiter, broken_promise);
    BOOST_TEST(o.get() == "first");
    BOOST_TEST(!w.closed());
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
