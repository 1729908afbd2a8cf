// The queue whose newest item comes out first. What it shares with `queue` is tested there.
#include <buskin/actors/lifo_queue.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;

BOOST_AUTO_TEST_SUITE(lifo_queue_)

BOOST_AUTO_TEST_CASE(the_newest_item_comes_out_first) {  // covers QUE-030
  stage s;
  auto main = []() -> task<void> {
    lifo_queue<int> q;
    for (int i = 0; i != 4; ++i) co_await q.put(i);
    BOOST_TEST(to_string(q) == "lifo_queue, 4 items: 3, 2, 1, 0");
    BOOST_TEST(co_await q.get() == 3);
    q.put_nowait(4);
    for (const int wanted : {4, 2, 1, 0}) BOOST_TEST(q.get_nowait() == wanted);
    BOOST_CHECK_THROW(q.get_nowait(), queue_empty);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_putter_that_waited_gets_in_on_top) {
  stage s;
  auto main = []() -> task<void> {
    lifo_queue<std::unique_ptr<int>> q(2);
    auto putting = [&]() -> task<void> {
      for (int i = 0; i != 3; ++i) co_await q.put(std::make_unique<int>(i));
    };
    auto putter = spawn(putting());
    co_await sleep(1ms);
    BOOST_TEST(q.full());
    for (const int wanted : {1, 2, 0}) BOOST_TEST(*co_await q.get() == wanted);
    co_await putter;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_on_its_way_to_a_cancelled_reader_is_the_next_again) {
  stage s;
  auto main = []() -> task<void> {
    lifo_queue<int> q;
    auto getting = [&]() -> task<int> { co_return co_await q.get(); };
    auto reader = spawn(getting());
    co_await sleep(1ms);
    q.put_nowait(1);
    reader.cancel();
    BOOST_CHECK_THROW(co_await reader, cancelled);
    BOOST_TEST(q.get_nowait() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(marking_more_items_as_done_than_were_put_is_an_error) {  // covers QUE-032
  stage s;
  auto main = []() -> task<void> {
    lifo_queue<int> q;
    BOOST_CHECK_THROW(q.task_done(), invalid_state);
    q.put_nowait(1);
    q.get_nowait();
    q.task_done();
    BOOST_CHECK_THROW(q.task_done(), invalid_state);
    co_await q.join();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(it_understands_the_messages_of_a_queue_and_ends_like_one) {
  stage s;
  auto main = []() -> task<void> {
    lifo_queue<int> q;
    co_await ask<void>(q.actor(), 1s, put_item::value, 1);
    co_await ask<void>(q.actor(), 1s, put_item::value, 2);
    BOOST_TEST(co_await ask<int>(q.actor(), 1s, get_item::value) == 2);
    q.shutdown();
    BOOST_TEST(co_await ask<int>(q.actor(), 1s, get_item::value) == 1);
    BOOST_CHECK_THROW(co_await ask<int>(q.actor(), 1s, get_item::value), queue_shutdown);
    BOOST_CHECK_THROW(co_await q.put(3), queue_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
