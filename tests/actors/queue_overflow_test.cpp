// What a full queue does, and the marks that tell of it. The rows M1 of the list of faults.
#include <buskin/actors/queue.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/lifo_queue.hpp>
#include <buskin/actors/priority_queue.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/instances.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::instance;
using buskin::test::stage;
using numbers = std::vector<int>;

template <class Queue>
numbers drain(const Queue& q) {
  numbers items;
  while (auto item = q.try_get()) {
    items.push_back(*item);
    q.task_done();
  }
  return items;
}

BOOST_AUTO_TEST_SUITE(queue_overflow_)

BOOST_AUTO_TEST_CASE(by_default_a_fast_producer_waits_and_the_bound_is_never_exceeded) {  // M1
  stage s;
  auto main = []() -> task<void> {
    queue<int> q({.capacity = 4, .high_water = 4});
    auto producing = [&]() -> task<void> {
      for (int i = 0; i != 1000; ++i) co_await q.put(i);
    };
    auto producer = spawn(producing());
    std::size_t most = 0;
    for (int i = 0; i != 1000; ++i) {
      co_await sleep(1ms);  // a consumer far slower than the producer
      most = std::max(most, q.size());
      BOOST_REQUIRE(co_await q.get() == i);
    }
    co_await producer;
    BOOST_TEST(most == 4U);
    BOOST_TEST(q.dropped_count() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(drop_oldest_keeps_the_newest_and_counts_the_others) {  // M1
  stage s;
  auto main = []() -> task<void> {
    queue<int> q({.capacity = 4, .when_full = overflow::drop_oldest});
    for (int i = 0; i != 1000; ++i) {
      if (i % 2 == 0)
        co_await q.put(i);
      else
        q.put_nowait(i);
      BOOST_REQUIRE(q.size() <= 4U);
    }
    BOOST_TEST(q.dropped_count() == 996U);
    BOOST_TEST(drain(q) == (numbers{996, 997, 998, 999}), boost::test_tools::per_element());
    co_await q.join();  // what was dropped needs no task_done
    BOOST_CHECK_THROW(q.task_done(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(drop_newest_keeps_the_oldest_and_counts_the_others) {  // M1
  stage s;
  auto main = []() -> task<void> {
    queue<int> q({.capacity = 4, .when_full = overflow::drop_newest});
    for (int i = 0; i != 1000; ++i) co_await q.put(i);
    BOOST_TEST(q.size() == 4U);
    BOOST_TEST(q.dropped_count() == 996U);
    BOOST_TEST(drain(q) == (numbers{0, 1, 2, 3}), boost::test_tools::per_element());
    co_await q.join();
    BOOST_CHECK_THROW(q.task_done(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(refuse_tells_every_putter) {  // M1
  stage s;
  auto main = []() -> task<void> {
    queue<int> q({.capacity = 4, .when_full = overflow::refuse});
    int refused = 0;
    for (int i = 0; i != 1000; ++i) {
      try {
        if (i % 2 == 0)
          co_await q.put(i);
        else
          q.put_nowait(i);
      } catch (const queue_full&) {
        ++refused;
      }
    }
    BOOST_TEST(refused == 996);
    BOOST_TEST(q.putter_count() == 0U);
    BOOST_TEST(drain(q) == (numbers{0, 1, 2, 3}), boost::test_tools::per_element());
    co_await q.put(4);
    BOOST_TEST(q.get_nowait() == 4);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_getter_that_waits_gets_the_item_whatever_the_policy) {
  for (const auto policy :
       {overflow::wait, overflow::drop_oldest, overflow::drop_newest, overflow::refuse}) {
    stage s;
    auto main = [&]() -> task<void> {
      queue<int> q({.capacity = 1, .when_full = policy});
      auto getting = [&]() -> task<int> { co_return co_await q.get(); };
      auto getter = spawn(getting());
      co_await sleep(1ms);
      co_await q.put(1);
      co_await q.put(2);
      BOOST_TEST(co_await getter == 1);
      BOOST_TEST(q.get_nowait() == 2);
      BOOST_TEST(q.dropped_count() == 0U);
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_CASE(messages_meet_the_same_policy) {
  stage s;
  auto main = []() -> task<void> {
    queue<int> refusing({.capacity = 1, .when_full = overflow::refuse});
    queue<int> dropping({.capacity = 1, .when_full = overflow::drop_oldest});
    co_await ask<void>(refusing.actor(), 1s, put_item::value, 1);
    BOOST_CHECK_THROW(co_await ask<void>(refusing.actor(), 1s, put_item::value, 2), queue_full);
    for (int i = 0; i != 3; ++i) co_await ask<void>(dropping.actor(), 1s, put_item::value, i);
    BOOST_TEST(dropping.dropped_count() == 2U);
    BOOST_TEST(co_await ask<int>(dropping.actor(), 1s, get_item::value) == 2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(dropped_items_are_destroyed_and_may_be_move_only) {
  stage s;
  int alive = 0;
  auto main = [&]() -> task<void> {
    for (const auto policy : {overflow::drop_oldest, overflow::drop_newest}) {
      queue<std::unique_ptr<instance>> q({.capacity = 2, .when_full = policy});
      for (int i = 0; i != 5; ++i) q.put_nowait(std::make_unique<instance>(alive));
      BOOST_TEST(alive == 2);
      BOOST_TEST(q.dropped_count() == 3U);
    }
    co_return;
  };
  s.run(main());
  BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(an_item_that_comes_back_to_a_full_queue_that_drops_is_dropped_and_counted) {
  for (const auto policy : {overflow::drop_oldest, overflow::drop_newest}) {
    stage s;
    auto main = [&]() -> task<void> {
      queue<int> q({.capacity = 1, .when_full = policy});
      auto getting = [&]() -> task<int> { co_return co_await q.get(); };
      auto getter = spawn(getting());
      co_await sleep(1ms);
      q.put_nowait(1);
      q.put_nowait(2);
      getter.cancel();
      BOOST_CHECK_THROW(co_await getter, cancelled);
      BOOST_TEST(q.size() == 1U);
      BOOST_TEST(q.dropped_count() == 1U);
      BOOST_TEST(drain(q) == (numbers{2}), boost::test_tools::per_element());
      co_await q.join();
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_CASE(the_oldest_is_dropped_also_where_another_would_come_out_first) {
  stage s;
  auto main = []() -> task<void> {
    lifo_queue<int> last({.capacity = 3, .when_full = overflow::drop_oldest});
    priority_queue<int> least({.capacity = 3, .when_full = overflow::drop_oldest});
    for (const int i : {5, 1, 4, 2, 3}) {
      last.put_nowait(i);
      least.put_nowait(i);
    }
    BOOST_TEST(drain(last) == (numbers{3, 2, 4}), boost::test_tools::per_element());
    BOOST_TEST(drain(least) == (numbers{2, 3, 4}), boost::test_tools::per_element());
    co_return;
  };
  s.run(main());
}

// -- the marks ------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_high_water_event_comes_once_a_crossing) {  // M1
  stage s;
  std::vector<std::size_t> told;
  auto main = [&]() -> task<void> {
    queue<int> q({.high_water = 3, .low_water = 1, .on_high_water = [&](std::size_t items) {
                    told.push_back(items);
                  }});
    for (int i = 0; i != 10; ++i) q.put_nowait(i);
    BOOST_TEST(told.empty());  // not inside the put
    co_await sleep(1ms);
    BOOST_TEST(told.size() == 1U);
    BOOST_TEST(told.front() == 3U);
    // Below the high mark and up again: not low enough to count.
    for (int i = 0; i != 8; ++i) q.get_nowait();
    for (int i = 0; i != 5; ++i) q.put_nowait(i);
    BOOST_TEST(q.high_water_count() == 1U);
    for (int i = 0; i != 6; ++i) q.get_nowait();
    for (int i = 0; i != 5; ++i) q.put_nowait(i);
    BOOST_TEST(q.high_water_count() == 2U);
    co_await sleep(1ms);
    BOOST_TEST(told.size() == 2U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_the_callback_throws_is_reported_and_the_queue_goes_on) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> q(
        {.high_water = 1, .on_high_water = [](std::size_t) { throw std::runtime_error("no"); }});
    q.put_nowait(1);
    co_await sleep(1ms);
    BOOST_TEST(q.get_nowait() == 1);
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK003");
}

BOOST_AUTO_TEST_CASE(marks_that_contradict_each_other_are_refused) {
  stage s;
  auto main = []() -> task<void> {
    BOOST_CHECK_THROW(queue<int>({.high_water = 3, .low_water = 3}), std::invalid_argument);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(between_workers_what_was_put_was_taken_or_counted_as_dropped) {
  constexpr int producers = 3;
  constexpr int each = 5000;
  runtime_options options;
  options.workers = 3;
  options.signals = signal_handling::none;
  std::atomic<std::uint64_t> got{0};
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<int> too_many{0};
  auto main = [&]() -> task<void> {
    queue<int> q({.capacity = 8, .when_full = overflow::drop_oldest});
    auto producing = [&]() -> task<void> {
      for (int i = 0; i != each; ++i) {
        co_await q.put(i);
        if (q.size() > 8) ++too_many;
        if (i % 16 == 0) co_await yield();
      }
    };
    auto consuming = [&]() -> task<void> {
      try {
        for (;;) {
          co_await q.get();
          ++got;
          q.task_done();
        }
      } catch (const queue_shutdown&) {
      }
    };
    auto consumer = spawn(consuming());
    std::vector<task_handle<void>> all;
    for (int i = 0; i != producers; ++i) all.push_back(spawn(producing()));
    for (const auto& producer : all) co_await producer;
    co_await q.join();
    q.shutdown();
    co_await consumer;
    dropped = q.dropped_count();
  };
  run(main(), options);
  BOOST_TEST(got + dropped == std::uint64_t{producers} * each);
  BOOST_TEST(too_many == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
