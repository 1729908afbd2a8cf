// The latest value: who sees which change, and the end.
#include <buskin/actors/watch.hpp>

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

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;
using numbers = std::vector<int>;

/// Sees values until the end.
task<void> see_all(observer<int> from, numbers* into) {
  try {
    for (;;) into->push_back(co_await from.next());
  } catch (const watch_closed&) {
  }
}

BOOST_AUTO_TEST_SUITE(watch_)

BOOST_AUTO_TEST_CASE(an_observer_sees_the_latest_value_and_waits_for_the_next) {
  stage s;
  auto main = []() -> task<void> {
    const watch<int> w(1);
    auto o = w.observe();
    BOOST_TEST(w.get() == 1);
    BOOST_TEST(o.get() == 1);
    BOOST_TEST(!o.has_changed());  // what was there when it came counts as seen
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return o.changed(); }), timeout_error);
    BOOST_TEST(w.waiter_count() == 0U);
    w.set(2);
    w.set(3);
    BOOST_TEST(o.has_changed());
    co_await o.changed();
    BOOST_TEST(!o.has_changed());
    BOOST_TEST(o.get() == 3);
    w.set(4);
    BOOST_TEST(co_await o.next() == 4);
    BOOST_TEST(!o.has_changed());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(each_observer_has_a_point_of_its_own) {
  stage s;
  auto main = []() -> task<void> {
    std::optional<watch<int>> w(0);
    numbers quick;
    numbers slow;
    auto seeing_slowly = [](observer<int> from, numbers* into) -> task<void> {
      try {
        for (;;) {
          into->push_back(co_await from.next());
          co_await sleep(10ms);
        }
      } catch (const watch_closed&) {
      }
    };
    auto one = spawn(see_all(w->observe(), &quick));
    auto two = spawn(seeing_slowly(w->observe(), &slow));
    for (int i = 1; i != 6; ++i) {
      w->set(i);
      co_await sleep(1ms);
    }
    auto late = w->observe();
    BOOST_TEST(!late.has_changed());
    auto copy = late;
    w->set(6);
    BOOST_TEST(late.get() == 6);
    BOOST_TEST(copy.has_changed());  // for itself
    w.reset();
    co_await one;
    co_await two;
    BOOST_TEST(quick == (numbers{1, 2, 3, 4, 5, 6}), boost::test_tools::per_element());
    BOOST_TEST(slow == (numbers{1, 6}), boost::test_tools::per_element());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_wait_sees_nothing_and_the_change_is_there_for_the_next) {
  stage s;
  auto main = []() -> task<void> {
    const watch<int> w(0);
    auto o = w.observe();
    auto waiting = [&]() -> task<void> { co_await o.changed(); };
    auto waiter = spawn(waiting());
    co_await sleep(1ms);
    w.set(1);
    waiter.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(o.has_changed());
    BOOST_TEST(co_await o.next() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_value_is_changed_and_looked_at_where_it_is) {
  stage s;
  auto main = []() -> task<void> {
    const watch<std::unique_ptr<int>> w(std::make_unique<int>(1));
    auto o = w.observe();
    w.modify([](std::unique_ptr<int>& value) { ++*value; });
    BOOST_TEST(o.has_changed());
    BOOST_TEST(o.read([](const std::unique_ptr<int>& value) { return *value; }) == 2);
    BOOST_TEST(!w.modify_if([](std::unique_ptr<int>&) { return false; }));
    BOOST_TEST(!o.has_changed());
    BOOST_TEST(w.modify_if([](std::unique_ptr<int>& value) { return ++*value == 3; }));
    co_await o.changed();
    BOOST_TEST(w.read([](const std::unique_ptr<int>& value) { return *value; }) == 3);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(when_the_last_sender_is_gone_observers_see_the_last_value_and_the_end) {
  stage s;
  auto main = []() -> task<void> {
    std::optional<watch<int>> one(0);
    std::optional<watch<int>> two(one);
    auto o = one->observe();
    auto unaware = one->observe();
    auto waiting = [](observer<int> from) -> task<void> { co_await from.changed(); };
    one->set(1);
    auto waiter = spawn(waiting(one->observe()));
    co_await sleep(1ms);
    one.reset();
    co_await sleep(1ms);
    BOOST_TEST(!waiter.done());
    two.reset();
    BOOST_CHECK_THROW(co_await waiter, watch_closed);
    BOOST_TEST(o.closed());
    BOOST_TEST(co_await o.next() == 1);
    BOOST_CHECK_THROW(co_await o.changed(), watch_closed);
    BOOST_CHECK_THROW(o.has_changed(), watch_closed);
    BOOST_TEST(o.get() == 1);
    co_await unaware.changed();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_closed_one_takes_no_values) {
  stage s;
  auto main = []() -> task<void> {
    const watch<std::string> w("a");
    w.close();
    BOOST_TEST(w.closed());
    BOOST_CHECK_THROW(w.set("b"), watch_closed);
    BOOST_CHECK_THROW(w.modify([](std::string& value) { value = "c"; }), watch_closed);
    BOOST_TEST(w.get() == "a");
    BOOST_CHECK_THROW(co_await ask<void>(w.actor(), 1s, set_value::value, std::string("d")),
                      watch_closed);
    BOOST_TEST(co_await ask<std::string>(w.actor(), 1s, get_value::value) == "a");
  };
  s.run(main());
}

// -- the message face -----------------------------------------------------------------------------

/// A plain CAF actor that writes down every value it sees.
void seeing(caf::event_based_actor* self, const caf::actor& w, std::uint64_t seen, journal* into) {
  self->request(w, caf::infinite, await_change::value, seen)
      .then(
          [=](std::uint64_t version, int value) {
            into->push_back(std::to_string(value));
            seeing(self, w, version, into);
          },
          [=](const caf::error&) { into->push_back("end"); });
}

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_gets_sets_and_observes_by_messages) {
  stage s;
  auto main = [&]() -> task<void> {
    std::optional<watch<int>> w(0);
    journal said;
    s.runtime.system().spawn(
        [&](caf::event_based_actor* self) { seeing(self, w->actor(), 0, &said); });
    co_await sleep(1ms);
    BOOST_TEST(said.empty());
    co_await ask<void>(w->actor(), 1s, set_value::value, 1);
    BOOST_TEST(co_await ask<int>(w->actor(), 1s, get_value::value) == 1);
    co_await sleep(1ms);
    for (const int i : {2, 3, 4}) w->set(i);
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"1", "2", "4"}));
    BOOST_CHECK_THROW(co_await ask<void>(w->actor(), 1s, "what"), request_failed);
    w->set(5);
    w.reset();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"1", "2", "4", "5", "end"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(between_workers_no_observer_misses_the_last_value) {
  runtime_options options;
  options.workers = 3;
  options.signals = signal_handling::none;
  auto main = []() -> task<void> {
    for (int round = 0; round != 100; ++round) {
      std::optional<watch<int>> w(0);
      std::vector<numbers> seen(4);
      std::vector<task_handle<void>> all;
      for (auto& each : seen) all.push_back(spawn(see_all(w->observe(), &each)));
      auto setting = [](watch<int> mine, int first) -> task<void> {
        for (int i = 0; i != 20; ++i) {
          mine.set(first + i);
          if (i % 5 == 0) co_await yield();
        }
      };
      co_await spawn(setting(*w, 1));
      co_await spawn(setting(*w, 100));
      w.reset();
      for (const auto& each : all) co_await each;
      for (const auto& each : seen) {
        BOOST_REQUIRE(!each.empty());
        BOOST_REQUIRE(each.back() == 119);
        for (std::size_t i = 1; i != each.size(); ++i) BOOST_REQUIRE(each[i - 1] < each[i]);
      }
    }
  };
  run(main(), options);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
