// The queue: order, bounds, cancellation, joining, shutdown. Messages are in
// queue_messages_test.cpp, what a full one does in queue_overflow_test.cpp.
#include <buskin/actors/queue.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/instances.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::instance;
using buskin::test::stage;
using numbers = std::vector<int>;

task<int> get_one(queue<int> q) { co_return co_await q.get(); }
task<void> put_one(queue<int> q, int item) { co_await q.put(item); }

BOOST_AUTO_TEST_SUITE(queue_)

// covers QUE-003, QUE-005, QUE-007, QUE-016, QUE-018
BOOST_AUTO_TEST_CASE(items_come_out_in_the_order_in_which_they_were_put) {
  stage s;
  auto main = []() -> task<void> {
    queue<int> q;
    BOOST_TEST(q.empty());
    BOOST_TEST(q.capacity() == 0U);
    for (int i = 0; i != 5; ++i) co_await q.put(i);
    q.put_nowait(5);
    BOOST_TEST(!q.empty());
    BOOST_TEST(!q.full());
    BOOST_TEST(q.size() == 6U);
    for (int i = 0; i != 5; ++i) BOOST_TEST(co_await q.get() == i);
    BOOST_TEST(q.get_nowait() == 5);
    BOOST_TEST(q.empty());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_producer_stops_at_the_bound_and_goes_on_when_an_item_is_taken) {  // covers QUE-006, QUE-008
  stage s;
  auto main = []() -> task<void> {
    queue<int> q(2);
    int put = 0;
    auto producing = [&]() -> task<void> {
      for (int i = 0; i != 3; ++i) {
        co_await q.put(i);
        ++put;
      }
    };
    auto producer = spawn(producing());
    co_await sleep(1ms);
    BOOST_TEST(put == 2);
    BOOST_TEST(q.full());
    BOOST_TEST(q.putter_count() == 1U);
    BOOST_TEST(co_await q.get() == 0);
    co_await producer;
    BOOST_TEST(co_await q.get() == 1);
    BOOST_TEST(co_await q.get() == 2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_getter_waits_for_an_item) {  // covers QUE-009, QUE-026, QUE-024
  stage s;
  auto main = []() -> task<void> {
    queue<int> q;
    auto getter = spawn(get_one(q));
    co_await sleep(1s);
    BOOST_TEST(!getter.done());
    BOOST_TEST(q.getter_count() == 1U);
    auto putter = spawn(put_one(q, 4));
    BOOST_TEST(co_await getter == 4);
    BOOST_TEST(putter.done());
    BOOST_TEST(q.getter_count() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(its_text_tells_what_is_in_it_and_who_waits) {  // covers QUE-001
  stage s;
  auto main = []() -> task<void> {
    queue<int> q(2);
    BOOST_TEST(to_string(q) == "queue, 0 of 2 items");
    auto getter = spawn(get_one(q));
    co_await sleep(1ms);
    BOOST_TEST(to_string(q) == "queue, 0 of 2 items; 1 waits to get");
    for (int i = 0; i != 3; ++i) q.put_nowait(i);
    auto one = spawn(put_one(q, 3));
    auto two = spawn(put_one(q, 4));
    co_await sleep(1ms);
    BOOST_TEST(to_string(q) == "queue, 2 of 2 items: 1, 2; 2 wait to put");
    // With what tells it from another.
    BOOST_TEST(describe(q) ==
               "queue " + std::to_string(q.actor().id()) + ", 2 of 2 items: 1, 2; 2 wait to put");
    for (int i = 0; i != 2; ++i) q.get_nowait();
    q.shutdown();
    BOOST_TEST(to_string(q) == "queue, 2 of 2 items: 3, 4; shut down");
    queue<int> many;
    for (int i = 0; i != 12; ++i) many.put_nowait(i);
    BOOST_TEST(to_string(many) == "queue, 12 items: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...");
    queue<numbers> unprintable;
    unprintable.put_nowait({1});
    BOOST_TEST(to_string(unprintable) == "queue, 1 item: ?");
    BOOST_TEST(getter.done());
    co_await one;
    co_await two;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_done_at_once_says_so) {  // covers QUE-011, QUE-022
  stage s;
  auto main = []() -> task<void> {
    queue<int> q(1);
    BOOST_CHECK_THROW(q.get_nowait(), queue_empty);
    q.put_nowait(1);
    BOOST_CHECK_THROW(q.put_nowait(2), queue_full);
    BOOST_TEST(q.get_nowait() == 1);
    co_return;
  };
  s.run(main());
}

// covers QUE-014
BOOST_AUTO_TEST_CASE(producer_and_consumer_over_a_single_place_never_wait_for_each_other_for_ever) {
  stage s;
  auto main = []() -> task<void> {
    queue<int> q(1);
    auto producing = [&]() -> task<void> {
      for (int i = 0; i != 1000; ++i) co_await q.put(i);
    };
    auto consuming = [&]() -> task<bool> {
      for (int i = 0; i != 1000; ++i)
        if (co_await q.get() != i) co_return false;
      co_return true;
    };
    auto [nothing, right] = co_await gather(producing(), consuming());
    (void)nothing;
    BOOST_TEST(right);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_get_or_put_that_is_given_up_leaves_no_entry) {  // covers QUE-015, QUE-028
  stage s;
  auto main = []() -> task<void> {
    queue<int> q(1);
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return q.get(); }), timeout_error);
    BOOST_TEST(q.getter_count() == 0U);
    q.put_nowait(1);
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return q.put(2); }), timeout_error);
    BOOST_TEST(q.putter_count() == 0U);
    BOOST_TEST(q.get_nowait() == 1);
    BOOST_TEST(q.empty());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_reader_cancelled_in_the_turn_of_the_put_leaves_the_items_to_the_others) {  // covers QUE-020
  stage s;
  auto main = []() -> task<void> {
    queue<int> q;
    auto one = spawn(get_one(q));
    auto two = spawn(get_one(q));
    auto three = spawn(get_one(q));
    co_await sleep(1ms);
    q.put_nowait(1);
    q.put_nowait(2);
    one.cancel();
    BOOST_CHECK_THROW(co_await one, cancelled);
    const int a = co_await two;
    const int b = co_await three;
    BOOST_TEST(a + b == 3);
    BOOST_TEST(q.empty());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_on_its_way_to_a_cancelled_reader_goes_back_to_the_front) {
  stage s;
  auto main = []() -> task<void> {
    queue<int> q;
    auto reader = spawn(get_one(q));
    co_await sleep(1ms);
    q.put_nowait(1);
    q.put_nowait(2);
    reader.cancel();
    BOOST_CHECK_THROW(co_await reader, cancelled);
    BOOST_TEST(q.get_nowait() == 1);
    BOOST_TEST(q.get_nowait() == 2);
    q.task_done();
    q.task_done();
    BOOST_CHECK_THROW(q.task_done(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_on_its_way_to_a_killed_reader_is_not_lost) {
  stage s;
  auto main = []() -> task<void> {
    queue<int> q;
    auto reader = spawn(get_one(q));
    co_await sleep(1ms);
    caf::anon_send_exit(reader.actor(), caf::exit_reason::kill);
    q.put_nowait(1);
    co_await sleep(1ms);
    BOOST_TEST(reader.done());
    BOOST_TEST(q.get_nowait() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_putters_item_never_appears) {  // covers QUE-025
  stage s;
  auto main = []() -> task<void> {
    queue<int> q(1);
    auto one = spawn(put_one(q, 1));
    auto two = spawn(put_one(q, 2));
    auto three = spawn(put_one(q, 3));
    co_await sleep(1ms);
    three.cancel();
    BOOST_CHECK_THROW(co_await three, cancelled);
    BOOST_TEST(co_await q.get() == 1);
    co_await two;
    BOOST_TEST(co_await q.get() == 2);
    BOOST_TEST(q.empty());
    co_await one;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(everybody_finishes_when_what_is_there_is_drained_once) {  // covers QUE-027
  stage s;
  auto main = []() -> task<void> {
    queue<int> q(2);
    std::vector<task_handle<void>> putters;
    for (int i = 0; i != 4; ++i) putters.push_back(spawn(put_one(q, i)));
    co_await sleep(1ms);
    while (!q.empty()) q.get_nowait();
    for (const auto& each : putters) co_await each;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_putter_cancelled_after_its_item_got_in_is_cancelled_and_the_item_stays) {  // covers QUE-029
  stage s;
  auto main = []() -> task<void> {
    queue<int> q(1);
    q.put_nowait(1);
    auto putter = spawn(put_one(q, 2));
    co_await sleep(1ms);
    BOOST_TEST(q.get_nowait() == 1);
    putter.cancel();
    BOOST_CHECK_THROW(co_await putter, cancelled);
    BOOST_TEST(q.get_nowait() == 2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(join_waits_until_every_item_was_dealt_with) {  // covers QUE-034, QUE-032
  stage s;
  auto main = []() -> task<void> {
    queue<int> q;
    co_await q.join();
    co_await q.join();
    q.put_nowait(1);
    q.put_nowait(2);
    bool joined = false;
    auto joining = [&]() -> task<void> {
      co_await q.join();
      joined = true;
    };
    auto joiner = spawn(joining());
    q.get_nowait();
    q.get_nowait();
    q.task_done();
    co_await sleep(1s);
    BOOST_TEST(!joined);
    q.task_done();
    co_await joiner;
    BOOST_CHECK_THROW(q.task_done(), invalid_state);
    co_await q.join();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_join_leaves_the_queue_as_it_is) {
  stage s;
  auto main = []() -> task<void> {
    queue<int> q;
    q.put_nowait(1);
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return q.join(); }), timeout_error);
    q.get_nowait();
    q.task_done();
    co_await q.join();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    after_a_graceful_shutdown_of_an_empty_queue_everything_fails_but_join) {  // covers QUE-038
  stage s;
  auto main = []() -> task<void> {
    queue<int> q;
    auto waiting = spawn(get_one(q));
    co_await sleep(1ms);
    q.shutdown();
    BOOST_CHECK_THROW(co_await waiting, queue_shutdown);
    BOOST_CHECK_THROW(co_await q.get(), queue_shutdown);
    BOOST_CHECK_THROW(q.get_nowait(), queue_shutdown);
    BOOST_CHECK_THROW(co_await q.put(1), queue_shutdown);
    BOOST_CHECK_THROW(q.put_nowait(1), queue_shutdown);
    co_await q.join();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_graceful_shutdown_fails_waiting_putters_and_leaves_the_items) {  // covers QUE-039, COB-025
  stage s;
  auto main = []() -> task<void> {
    queue<int> q(1);
    q.put_nowait(1);
    auto putter = spawn(put_one(q, 2));
    co_await sleep(1ms);
    q.shutdown();
    BOOST_CHECK_THROW(co_await putter, queue_shutdown);
    BOOST_TEST(q.size() == 1U);
    BOOST_TEST(co_await q.get() == 1);
    BOOST_CHECK_THROW(co_await q.get(), queue_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    an_immediate_shutdown_drops_the_items_and_counts_them_as_done) {  // covers QUE-042, QUE-043
  stage s;
  int alive = 0;
  auto main = [&]() -> task<void> {
    queue<instance> q;
    q.put_nowait(instance(alive));
    q.put_nowait(instance(alive));
    auto joining = [&]() -> task<void> { co_await q.join(); };
    auto joiner = spawn(joining());
    co_await sleep(1ms);
    q.shutdown(queue_end::immediate);
    BOOST_TEST(alive == 0);
    BOOST_TEST(q.size() == 0U);
    co_await joiner;
    BOOST_CHECK_THROW(q.task_done(), invalid_state);
    BOOST_CHECK_THROW(co_await q.get(), queue_shutdown);
    BOOST_CHECK_THROW(q.get_nowait(), queue_shutdown);
    BOOST_CHECK_THROW(co_await q.put(instance(alive)), queue_shutdown);
    BOOST_CHECK_THROW(q.put_nowait(instance(alive)), queue_shutdown);
  };
  s.run(main());
  BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(an_immediate_shutdown_waits_for_what_was_taken) {  // covers QUE-044
  stage s;
  auto main = []() -> task<void> {
    queue<int> q;
    q.put_nowait(1);
    q.put_nowait(2);
    q.get_nowait();
    q.shutdown(queue_end::immediate);
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return q.join(); }), timeout_error);
    q.task_done();
    co_await q.join();
    BOOST_CHECK_THROW(q.task_done(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_that_comes_back_after_an_immediate_shutdown_is_dropped) {
  stage s;
  auto main = []() -> task<void> {
    queue<int> q;
    auto reader = spawn(get_one(q));
    co_await sleep(1ms);
    q.put_nowait(1);
    reader.cancel();
    q.shutdown(queue_end::immediate);
    BOOST_CHECK_THROW(co_await reader, cancelled);
    BOOST_CHECK_THROW(q.get_nowait(), queue_shutdown);
    co_await q.join();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(items_that_can_only_be_moved_pass_through) {
  stage s;
  auto main = []() -> task<void> {
    queue<std::unique_ptr<int>> q(1);
    auto producing = [&]() -> task<void> {
      for (int i = 0; i != 3; ++i) co_await q.put(std::make_unique<int>(i));
    };
    auto producer = spawn(producing());
    for (int i = 0; i != 3; ++i) BOOST_TEST(*co_await q.get() == i);
    co_await producer;
    BOOST_CHECK_THROW(co_await ask<caf::message>(q.actor(), 1s, get_item::value), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(several_consumers_share_evenly) {  // covers TRI-025
  stage s;
  auto main = []() -> task<void> {
    queue<int> q;
    int taken[3]{};
    auto consuming = [&](int& count) -> task<void> {
      try {
        for (;;) {
          co_await q.get();
          ++count;
          co_await yield();
        }
      } catch (const queue_shutdown&) {
      }
    };
    auto producing = [&]() -> task<void> {
      for (int i = 0; i != 300; ++i) {
        co_await q.put(i);
        if (i % 3 == 2) co_await sleep(1ms);
      }
      q.shutdown();
    };
    co_await gather(consuming(taken[0]), consuming(taken[1]), consuming(taken[2]), producing());
    for (const int count : taken) BOOST_TEST(count == 100);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_queue_may_outlive_its_runtime) {
  std::optional<queue<int>> left;
  {
    stage s;
    auto main = [&]() -> task<void> {
      left.emplace();
      left->put_nowait(1);
      co_return;
    };
    s.run(main());
  }
  BOOST_TEST(left->get_nowait() == 1);
  left.reset();
}

BOOST_AUTO_TEST_CASE(a_queue_is_made_inside_of_a_runtime_only) {
  BOOST_CHECK_THROW(queue<int>(), invalid_state);
}

// -- several workers ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(
    between_workers_nothing_is_lost_or_doubled_while_readers_and_writers_are_cancelled) {
  constexpr int producers = 4;
  constexpr int each = 2000;
  runtime_options options;
  options.workers = 3;
  options.signals = signal_handling::none;
  std::atomic<int> got{0};
  std::atomic<long> sum{0};
  std::atomic<int> put{0};
  std::atomic<long> put_sum{0};
  auto main = [&]() -> task<void> {
    queue<int> q(8);
    auto consuming = [&]() -> task<void> {
      try {
        for (;;) {
          const int item = co_await q.get();
          ++got;
          sum += item;
          if (item % 16 == 0) co_await yield();
        }
      } catch (const queue_shutdown&) {
      }
    };
    auto producing = [&](int first) -> task<void> {
      for (int i = 0; i != each; ++i) {
        co_await q.put(first + i);
        ++put;
        put_sum += first + i;
      }
    };
    // Readers that give up again and again: what they were granted must come back.
    auto giving_up = [&]() -> task<void> {
      try {
        for (;;) {
          try {
            const int item = co_await timeout(20us, [&] { return q.get(); });
            ++got;
            sum += item;
          } catch (const timeout_error&) {
          }
          co_await yield();
        }
      } catch (const queue_shutdown&) {
      }
    };
    std::vector<task_handle<void>> readers;
    for (int i = 0; i != 3; ++i) readers.push_back(spawn(consuming()));
    for (int i = 0; i != 3; ++i) readers.push_back(spawn(giving_up()));
    std::vector<task_handle<void>> writers;
    for (int i = 0; i != producers; ++i) writers.push_back(spawn(producing(i * each)));
    for (const auto& writer : writers) co_await writer;
    q.shutdown();
    for (const auto& reader : readers) co_await reader;
  };
  run(main(), options);
  BOOST_TEST(put == producers * each);
  BOOST_TEST(got == put);
  BOOST_TEST(sum == put_sum);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
