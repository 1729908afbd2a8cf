// A queue without room: items go from hand to hand. Of what TRI-026 counts, items and those who wait
// are counted; there are no ends of a queue, of which copies are the same one.
#include <buskin/actors/queue.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;

queue_options without_room(overflow when_full = overflow::wait) {
  return {.rendezvous = true, .when_full = when_full};
}

task<void> put(queue<int> q, int item, journal* said) {
  co_await q.put(item);
  said->push_back("put " + std::to_string(item));
}

BOOST_AUTO_TEST_SUITE(queue_rendezvous_)

BOOST_AUTO_TEST_CASE(a_put_returns_when_a_getter_has_taken_its_item) {  // covers TRI-026
  stage s;
  auto main = []() -> task<void> {
    const queue<int> q(without_room());
    journal said;
    auto one = spawn(put(q, 1, &said));
    auto two = spawn(put(q, 2, &said));
    co_await sleep(1s);
    BOOST_TEST(said.empty());
    BOOST_TEST(q.size() == 0U);
    BOOST_TEST(q.full());
    BOOST_TEST(q.putter_count() == 2U);
    BOOST_TEST(to_string(q) == "rendezvous queue, 0 items; 2 wait to put");
    BOOST_TEST(co_await q.get() == 1);
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"put 1"}));
    BOOST_TEST(q.get_nowait() == 2);
    BOOST_CHECK_THROW(q.get_nowait(), queue_empty);
    co_await two;
    auto getting = [&]() -> task<int> { co_return co_await q.get(); };
    auto getter = spawn(getting());
    co_await sleep(1ms);
    BOOST_TEST(q.getter_count() == 1U);
    co_await q.put(3);  // does not wait
    BOOST_TEST(co_await getter == 3);
    BOOST_TEST(!q.try_put(4));
    BOOST_CHECK_THROW(q.put_nowait(4), queue_full);
    for (int i = 0; i != 3; ++i) q.task_done();
    co_await q.join();
    BOOST_CHECK_THROW(q.task_done(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(whoever_gives_up_leaves_no_ghost) {  // covers TRI-026
  stage s;
  auto main = []() -> task<void> {
    for (const auto& options : {without_room(), queue_options{}, queue_options{.capacity = 1}}) {
      const queue<int> q(options);
      BOOST_CHECK_THROW(co_await timeout(1s, [&] { return q.get(); }), timeout_error);
      BOOST_CHECK_THROW(co_await ask<int>(q.actor(), 1s, get_item::value), timeout_error);
      // An item does not go to one that is there no more.
      journal said;
      auto putter = spawn(put(q, 1, &said));
      co_await sleep(1ms);
      BOOST_TEST(co_await timeout(1s, [&] { return q.get(); }) == 1);
      co_await putter;
      BOOST_TEST(q.getter_count() == 0U);
      BOOST_TEST(q.size() == 0U);
    }
    const queue<int> q(without_room());
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return q.put(1); }), timeout_error);
    BOOST_TEST(q.putter_count() == 0U);
    BOOST_TEST(!q.try_get().has_value());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(one_without_a_bound_never_lets_a_putter_wait) {  // covers TRI-026
  stage s;
  auto main = []() -> task<void> {
    const queue<int> q;
    for (int i = 0; i != 10'000; ++i) {
      auto wait = q.put(i);
      BOOST_REQUIRE(wait.await_ready());
    }
    BOOST_TEST(q.size() == 10'000U);
    BOOST_TEST(!q.full());
    BOOST_TEST(q.putter_count() == 0U);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_whose_getter_was_cancelled_waits_for_the_next_one) {
  stage s;
  auto main = []() -> task<void> {
    const queue<std::unique_ptr<int>> q(without_room());
    auto getting = [&]() -> task<void> { co_await q.get(); };
    auto getter = spawn(getting());
    co_await sleep(1ms);
    co_await q.put(std::make_unique<int>(5));
    getter.cancel();
    BOOST_CHECK_THROW(co_await getter, cancelled);
    BOOST_TEST(q.size() == 1U);
    BOOST_TEST(*co_await q.get() == 5);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(messages_meet_tasks_and_each_other) {
  stage s;
  auto main = []() -> task<void> {
    const queue<int> q(without_room());
    auto putting = [&](int item) -> task<void> {
      co_await ask<void>(q.actor(), 1h, put_item::value, item);
    };
    auto getting = [&]() -> task<int> {
      co_return co_await ask<int>(q.actor(), 1h, get_item::value);
    };
    auto one = spawn(putting(1));
    co_await sleep(1ms);
    BOOST_TEST(!one.done());
    BOOST_TEST(co_await q.get() == 1);
    co_await one;
    auto getter = spawn(getting());
    co_await sleep(1ms);
    co_await q.put(2);
    BOOST_TEST(co_await getter == 2);
    auto three = spawn(putting(3));
    BOOST_TEST(co_await getting() == 3);
    co_await three;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(without_waiting_only_a_getter_that_waits_gets_an_item) {
  stage s;
  auto main = []() -> task<void> {
    auto getting = [](queue<int> q) -> task<int> { co_return co_await q.get(); };
    const queue<int> dropping(without_room(overflow::drop_newest));
    const queue<int> refusing(without_room(overflow::refuse));
    co_await dropping.put(1);
    BOOST_TEST(dropping.dropped_count() == 1U);
    BOOST_CHECK_THROW(co_await refusing.put(1), queue_full);
    for (const auto& q : {dropping, refusing}) {
      auto getter = spawn(getting(q));
      co_await sleep(1ms);
      co_await q.put(2);
      BOOST_TEST(co_await getter == 2);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_shutdown_tells_those_who_wait_on_either_side) {
  stage s;
  auto main = []() -> task<void> {
    for (const auto how : {queue_end::graceful, queue_end::immediate}) {
      const queue<int> with_getter(without_room());
      const queue<int> with_putter(without_room());
      auto getting = [&]() -> task<void> { co_await with_getter.get(); };
      auto putting = [&]() -> task<void> { co_await with_putter.put(1); };
      auto getter = spawn(getting());
      auto putter = spawn(putting());
      co_await sleep(1ms);
      with_getter.shutdown(how);
      with_putter.shutdown(how);
      BOOST_CHECK_THROW(co_await getter, queue_shutdown);
      BOOST_CHECK_THROW(co_await putter, queue_shutdown);
      BOOST_CHECK_THROW(co_await with_putter.get(), queue_shutdown);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(options_that_contradict_a_rendezvous_are_refused) {
  stage s;
  auto main = []() -> task<void> {
    const auto made = [](queue_options options) { queue<int> q(std::move(options)); };
    BOOST_CHECK_THROW(made({.capacity = 1, .rendezvous = true}), std::invalid_argument);
    BOOST_CHECK_THROW(made({.rendezvous = true, .high_water = 1}), std::invalid_argument);
    BOOST_CHECK_THROW(made(without_room(overflow::drop_oldest)), std::invalid_argument);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(between_workers_every_item_is_handed_over_once) {
  constexpr int items = 3000;
  runtime_options options;
  options.workers = 3;
  options.signals = signal_handling::none;
  auto main = [&]() -> task<void> {
    const queue<int> q(without_room());
    std::vector<int> times(items);
    auto putting = [&](int first) -> task<void> {
      for (int i = first; i < items; i += 2) co_await q.put(i);
    };
    auto getting = [&]() -> task<std::vector<int>> {
      std::vector<int> mine;
      try {
        for (;;) {
          try {
            mine.push_back(co_await timeout(50us, [&] { return q.get(); }));
          } catch (const timeout_error&) {
          }
        }
      } catch (const queue_shutdown&) {
      }
      co_return mine;
    };
    auto one = spawn(getting());
    auto two = spawn(getting());
    co_await gather(putting(0), putting(1));
    q.shutdown();
    for (const auto& getter : {one, two})
      for (const int item : co_await getter) ++times[static_cast<std::size_t>(item)];
    for (const int each : times) BOOST_REQUIRE(each == 1);
  };
  run(main(), options);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
