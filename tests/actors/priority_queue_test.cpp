// The queue whose smallest item comes out first. What it shares with `queue` is tested there.
#include <buskin/actors/priority_queue.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;

struct job {
  int urgency = 0;
  std::string name;
};
struct by_urgency {
  bool operator()(const job& a, const job& b) const { return a.urgency < b.urgency; }
};

BOOST_AUTO_TEST_SUITE(priority_queue_)

BOOST_AUTO_TEST_CASE(the_smallest_item_comes_out_first) {
  stage s;
  auto main = []() -> task<void> {
    priority_queue<int> q;
    priority_queue<int, std::greater<int>> largest;
    for (const int i : {3, 1, 4, 1, 5, 9, 2, 6}) {
      co_await q.put(i);
      co_await largest.put(i);
    }
    BOOST_TEST(to_string(q) == "priority_queue, 8 items: 1, 1, 2, 3, 4, 5, 6, 9");
    for (const int wanted : {1, 1, 2, 3, 4, 5, 6, 9}) BOOST_TEST(co_await q.get() == wanted);
    for (const int wanted : {9, 6, 5, 4, 3, 2, 1, 1}) BOOST_TEST(largest.get_nowait() == wanted);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(equal_items_come_out_in_the_order_in_which_they_were_put) {
  stage s;
  auto main = []() -> task<void> {
    priority_queue<job, by_urgency> q;
    std::vector<job> model;
    std::mt19937 random(7);
    for (int i = 0; i != 500; ++i) {
      job next{static_cast<int>(random() % 5), std::to_string(i)};
      model.push_back(next);
      co_await q.put(std::move(next));
    }
    std::stable_sort(model.begin(), model.end(), by_urgency());
    bool right = true;
    for (const job& wanted : model) right = right && (co_await q.get()).name == wanted.name;
    BOOST_TEST(right);
    BOOST_TEST(q.empty());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_on_its_way_to_a_cancelled_reader_keeps_its_place_before_its_equals) {
  stage s;
  auto main = []() -> task<void> {
    priority_queue<job, by_urgency> q;
    auto getting = [&]() -> task<job> { co_return co_await q.get(); };
    auto reader = spawn(getting());
    co_await sleep(1ms);
    q.put_nowait({2, "first"});
    q.put_nowait({2, "second"});
    q.put_nowait({1, "urgent"});
    reader.cancel();
    BOOST_CHECK_THROW(co_await reader, cancelled);
    for (const auto* wanted : {"urgent", "first", "second"})
      BOOST_TEST(q.get_nowait().name == wanted);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(items_that_can_only_be_moved_pass_through) {
  stage s;
  auto main = []() -> task<void> {
    struct less {
      bool operator()(const std::unique_ptr<int>& a, const std::unique_ptr<int>& b) const {
        return *a < *b;
      }
    };
    priority_queue<std::unique_ptr<int>, less> q(2);
    auto putting = [&]() -> task<void> {
      for (const int i : {3, 2, 1}) co_await q.put(std::make_unique<int>(i));
    };
    auto putter = spawn(putting());
    co_await sleep(1ms);
    BOOST_TEST(q.putter_count() == 1U);
    for (const int wanted : {2, 1, 3}) BOOST_TEST(*co_await q.get() == wanted);
    co_await putter;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(marking_more_items_as_done_than_were_put_is_an_error) {  // covers QUE-032
  stage s;
  auto main = []() -> task<void> {
    priority_queue<int> q;
    BOOST_CHECK_THROW(q.task_done(), invalid_state);
    q.put_nowait(1);
    q.get_nowait();
    q.task_done();
    BOOST_CHECK_THROW(q.task_done(), invalid_state);
    co_await q.join();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(it_understands_the_messages_of_a_queue) {
  stage s;
  auto main = []() -> task<void> {
    priority_queue<int> q;
    for (const int i : {2, 1, 3}) co_await ask<void>(q.actor(), 1s, put_item::value, i);
    for (const int wanted : {1, 2, 3})
      BOOST_TEST(co_await ask<int>(q.actor(), 1s, get_item::value) == wanted);
    q.shutdown();
    BOOST_CHECK_THROW(co_await ask<int>(q.actor(), 1s, get_item::value), queue_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
