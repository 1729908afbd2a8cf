// Several at once, of which one counts.
#include <buskin/actors/race.hpp>

#include <buskin/actors/queue.hpp>
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
#include <variant>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;

task<int> number(int value, duration delay) {
  co_await sleep(delay);
  co_return value;
}
task<std::string> text(std::string value, duration delay) {
  co_await sleep(delay);
  co_return value;
}
task<int> failing(duration delay) {
  co_await sleep(delay);
  throw std::runtime_error("broken");
}
task<int> noting(journal& log, std::string name, duration cleanup = 0s) {
  std::exception_ptr interrupted;
  try {
    co_await sleep(1h);
  } catch (const cancelled&) {
    interrupted = std::current_exception();
  }
  co_await sleep(cleanup);
  log.push_back(name + " ended");
  std::rethrow_exception(interrupted);
}
task<int> take(queue<int> from) { co_return co_await from.get(); }
task<void> give(queue<int> to, int item) { co_await to.put(item); }

BOOST_AUTO_TEST_SUITE(race_)

BOOST_AUTO_TEST_CASE(the_first_to_end_wins_and_the_others_are_cancelled_and_awaited) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    const auto won = co_await race(noting(log, "a", 2s), number(7, 1s), noting(log, "b"));
    BOOST_TEST(won.index == 1U);
    BOOST_TEST(won.value == 7);
    BOOST_TEST(log == (journal{"b ended", "a ended"}), boost::test_tools::per_element());
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 3s);
}

BOOST_AUTO_TEST_CASE(a_failure_that_is_first_is_the_outcome) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    BOOST_CHECK_THROW(co_await race(noting(log, "a"), failing(1s)), std::runtime_error);
    BOOST_TEST(log.size() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(tasks_of_different_types_yield_a_variant) {
  stage s;
  auto pause = []() -> task<void> { co_await sleep(5s); };
  auto main = [&]() -> task<void> {
    const auto won = co_await race(number(1, 2s), text("quick", 1s), pause());
    BOOST_TEST(won.index == 1U);
    BOOST_TEST(won.value.index() == 1U);
    BOOST_TEST(std::get<1>(won.value) == "quick");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_range_of_tasks_races_too_and_values_may_be_move_only) {
  stage s;
  auto box = [](int value, duration delay) -> task<std::unique_ptr<int>> {
    co_await sleep(delay);
    co_return std::make_unique<int>(value);
  };
  auto main = [&]() -> task<void> {
    std::vector<task<std::unique_ptr<int>>> boxes;
    for (int i = 5; i != 0; --i) boxes.push_back(box(i, std::chrono::seconds(i)));
    const auto won = co_await race(std::move(boxes));
    BOOST_TEST(won.index == 4U);
    BOOST_TEST(*won.value == 1);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 1s);
}

// covers COB-012
BOOST_AUTO_TEST_CASE(a_race_of_nobody_is_an_error) {
  stage s;
  auto main = []() -> task<void> {
    BOOST_CHECK_THROW(co_await race(std::vector<task<int>>{}), std::invalid_argument);
    BOOST_CHECK_THROW(co_await race(std::vector<task_handle<int>>{}), std::invalid_argument);
  };
  s.run(main());
}

// covers COB-011
BOOST_AUTO_TEST_CASE(losers_that_run_already_go_on_and_can_be_awaited_raced_or_cancelled_later) {
  stage s;
  auto main = []() -> task<void> {
    auto a = spawn(number(1, 3s));
    auto b = spawn(text("b", 2s));
    auto c = spawn(number(3, 1h));
    const auto first = co_await race(a, b, c);
    BOOST_TEST(first.index == 1U);
    BOOST_TEST(std::get<1>(first.value) == "b");
    BOOST_TEST(!a.done());
    std::vector<task_handle<int>> rest{a, c};
    const auto second = co_await race(rest);
    BOOST_TEST(second.index == 0U);
    BOOST_TEST(second.value == 1);
    BOOST_TEST(co_await a == 1);
    c.cancel();
    BOOST_CHECK_THROW(co_await race(c), cancelled);
    // One that has ended wins at once, the first one given among several.
    const auto again = co_await race(spawn(number(9, 1h)), a, a);
    BOOST_TEST(again.index == 1U);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 3s);
}

// covers COB-020
BOOST_AUTO_TEST_CASE(a_race_of_two_reads_with_one_write_completes_the_matching_read_only) {
  stage s;
  auto main = []() -> task<void> {
    queue<int> left;
    queue<int> right;
    auto writing = spawn(give(right, 8));
    const auto won = co_await race(take(left), take(right));
    BOOST_TEST(won.index == 1U);
    BOOST_TEST(won.value == 8);
    co_await writing;
    left.put_nowait(1);  // the losing read does not take it
    BOOST_TEST(left.size() == 1U);
  };
  s.run(main());
}

// covers COB-021
BOOST_AUTO_TEST_CASE(of_a_write_and_a_read_of_one_queue_exactly_one_takes_effect) {
  stage s;
  auto main = []() -> task<void> {
    queue<int> items(1);
    auto put = [](queue<int> to) -> task<int> {
      co_await to.put(5);
      co_return 0;
    };
    BOOST_TEST((co_await race(put(items), take(items))).index == 0U);
    BOOST_TEST(items.size() == 1U);
    // Full now: the read is the one that can go on.
    const auto read = co_await race(take(items), put(items));
    BOOST_TEST(read.index == 0U);
    BOOST_TEST(read.value == 5);
    BOOST_TEST(items.size() == 0U);
    // The read waits already when the write hands it the item, and gives it back when it has lost.
    BOOST_TEST((co_await race(take(items), put(items))).index == 1U);
    BOOST_TEST(items.size() == 1U);
    BOOST_TEST(items.getter_count() == 0U);
    BOOST_TEST(items.putter_count() == 0U);
  };
  s.run(main());
}

// covers COB-022
BOOST_AUTO_TEST_CASE(races_of_reads_over_full_queues_neither_lose_nor_reorder_an_item) {
  for (const unsigned workers : {1U, 3U}) {
    stage s(runtime_options{.workers = workers});
    auto main = []() -> task<void> {
      constexpr int count = 300;
      queue<int> sources[3];
      auto fill = [](queue<int> to) -> task<void> {
        for (int i = 0; i != count; ++i) {
          co_await to.put(i);
          if (i % 7 == 0) co_await yield();
        }
      };
      std::vector<task_handle<void>> writers;
      for (auto& each : sources) writers.push_back(spawn(fill(each)));
      int expected[3] = {0, 0, 0};
      for (int i = 0; i != 3 * count; ++i) {
        const auto won = co_await race(take(sources[0]), take(sources[1]), take(sources[2]));
        BOOST_REQUIRE(won.value == expected[won.index]);
        ++expected[won.index];
      }
      for (const int each : expected) BOOST_TEST(each == count);
      for (auto& each : writers) co_await each;
    };
    s.run(main());
  }
}

// covers COB-023
BOOST_AUTO_TEST_CASE(an_interrupted_read_takes_no_item_and_leaves_the_writer_waiting) {
  stage s;
  auto main = []() -> task<void> {
    queue<int> items(1);
    items.put_nowait(1);
    auto writer = spawn(give(items, 2));
    co_await yield();
    BOOST_TEST(items.putter_count() == 1U);
    auto at_once = []() -> task<int> { co_return 0; };
    BOOST_TEST((co_await race(at_once(), take(items))).index == 0U);
    BOOST_TEST(items.size() == 1U);
    BOOST_TEST(items.putter_count() == 1U);
    BOOST_TEST(co_await items.get() == 1);
    co_await writer;
    BOOST_TEST(co_await items.get() == 2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_that_was_on_its_way_to_a_loser_goes_back) {
  for (const unsigned workers : {1U, 4U}) {
    stage s(runtime_options{.workers = workers});
    auto main = []() -> task<void> {
      for (int round = 0; round != 200; ++round) {
        queue<int> left;
        queue<int> right;
        auto both = [](queue<int> l, queue<int> r) -> task<void> {
          l.put_nowait(1);
          r.put_nowait(2);
          co_return;
        };
        auto racing = spawn(race(take(left), take(right)));
        while (left.getter_count() + right.getter_count() != 2) co_await yield();
        co_await spawn(both(left, right));
        const auto won = co_await racing;
        BOOST_REQUIRE(won.value == static_cast<int>(won.index) + 1);
        BOOST_REQUIRE(left.size() + right.size() == 1U);
      }
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_CASE(a_cancelled_race_ends_when_all_have_ended_and_each_cancel_reaches_them) {
  stage s;
  journal log;
  int reached = 0;
  auto stubborn = [&]() -> task<int> {
    while (reached != 3) {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        ++reached;
      }
    }
    log.emplace_back("stubborn ended");
    co_return 0;
  };
  auto main = [&]() -> task<void> {
    auto racing = [&]() -> task<void> { co_await race(stubborn(), noting(log, "other")); };
    auto racer = spawn(racing());
    for (int i = 0; i != 3; ++i) {
      co_await sleep(1s);
      racer.cancel("time " + std::to_string(i));
    }
    std::string message;
    try {
      co_await racer;
    } catch (const cancelled& c) {
      message = c.message();
    }
    BOOST_TEST(message == "time 0");
  };
  s.run(main());
  BOOST_TEST(log == (journal{"other ended", "stubborn ended"}), boost::test_tools::per_element());
  BOOST_CHECK(s.clock.elapsed() == 3s);
}

BOOST_AUTO_TEST_CASE(cancelling_a_race_of_handles_leaves_them_running) {
  stage s;
  auto main = []() -> task<void> {
    auto a = spawn(number(1, 3s));
    auto racing = [&]() -> task<void> { co_await race(a, spawn(number(2, 4s))); };
    auto racer = spawn(racing());
    co_await sleep(1s);
    racer.cancel();
    BOOST_CHECK_THROW(co_await racer, cancelled);
    BOOST_TEST(co_await a == 1);
    co_await sleep(2s);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_a_loser_throws_in_its_cleanup_is_reported) {
  stage s;
  auto messy = []() -> task<int> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      throw std::runtime_error("in cleanup");
    }
    co_return 0;
  };
  auto main = [&]() -> task<void> {
    BOOST_TEST((co_await race(messy(), number(2, 1s))).value == 2);
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK002");
  BOOST_TEST(describe(incidents[0].error) == "in cleanup");
}

BOOST_AUTO_TEST_CASE(with_eager_tasks_one_that_ends_at_once_keeps_the_later_ones_from_beginning) {
  stage s(runtime_options{.eager_tasks = true});
  bool began = false;
  auto main = [&]() -> task<void> {
    auto at_once = []() -> task<int> { co_return 1; };
    auto late = [&]() -> task<int> {
      began = true;
      co_return 2;
    };
    BOOST_TEST((co_await race(at_once(), late())).index == 0U);
  };
  s.run(main());
  BOOST_TEST(!began);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
