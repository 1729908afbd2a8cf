// Queues whose broker is in another process: the same as at home, but for what would have to be
// answered at once.
#include <buskin/actors/queue.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/event.hpp>
#include <buskin/actors/handlers.hpp>
#include <buskin/actors/lifo_queue.hpp>
#include <buskin/actors/priority_queue.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/far_actor.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;
using numbers = std::vector<int>;

task<int> get_one(queue<int> q) { co_return co_await q.get(); }
task<void> put_one(queue<int> q, int item) { co_await q.put(item); }
task<void> join(queue<int> q) { co_await q.join(); }

bool says(const std::exception& e, const std::string& what) {
  return std::string(e.what()).find(what) != std::string::npos;
}

BOOST_AUTO_TEST_SUITE(far_queue_)

// -- the same here and there ----------------------------------------------------------------------

BOOST_AUTO_TEST_CASE_TEMPLATE(items_come_in_the_order_of_putting_to_getters_in_the_order_of_asking,
                              Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto reached = where.reach(q);
    for (int i = 0; i != 3; ++i) co_await reached.put(i);
    for (int i = 0; i != 3; ++i) BOOST_TEST(co_await reached.get() == i);
    auto first = spawn(get_one(reached));
    co_await sleep(1ms);
    auto second = spawn(get_one(q));
    co_await sleep(1ms);
    auto third = spawn(get_one(reached));
    co_await sleep(1ms);
    BOOST_TEST(q.getter_count() == 3U);
    for (int i = 0; i != 3; ++i) co_await reached.put(i);
    BOOST_TEST(co_await first == 0);
    BOOST_TEST(co_await second == 1);
    BOOST_TEST(co_await third == 2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_other_kinds_keep_their_orders, Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    lifo_queue<int> last;
    priority_queue<int> smallest;
    const auto reached_last = where.reach(last);
    const auto reached_smallest = where.reach(smallest);
    for (const int i : {2, 1, 3}) {
      co_await reached_last.put(i);
      co_await reached_smallest.put(i);
    }
    for (const int i : {3, 1, 2}) BOOST_TEST(co_await reached_last.get() == i);
    for (const int i : {1, 2, 3}) BOOST_TEST(co_await reached_smallest.get() == i);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_putter_waits_for_room, Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    queue<int> q(1);
    const auto reached = where.reach(q);
    co_await reached.put(1);
    auto putter = spawn(put_one(reached, 2));
    co_await sleep(1ms);
    BOOST_TEST(!putter.done());
    BOOST_TEST(q.putter_count() == 1U);
    BOOST_TEST(co_await reached.get() == 1);
    co_await putter;
    BOOST_TEST(q.size() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(errors_are_of_the_same_types, Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    queue<int> strict({.capacity = 1, .when_full = overflow::refuse});
    const auto reached = where.reach(strict);
    co_await reached.put(1);
    BOOST_CHECK_THROW(co_await reached.put(2), queue_full);
    queue<int> q(1);
    const auto reached_q = where.reach(q);
    co_await reached_q.put(1);
    auto putter = spawn(put_one(reached_q, 2));
    co_await sleep(1ms);
    reached_q.shutdown();
    BOOST_CHECK_THROW(co_await putter, queue_shutdown);
    BOOST_CHECK_THROW(co_await reached_q.put(3), queue_shutdown);
    BOOST_TEST(co_await reached_q.get() == 1);
    BOOST_CHECK_THROW(co_await reached_q.get(), queue_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_shutdown_wakes_getters_and_an_immediate_one_drops_items, Setting,
                              both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto reached = where.reach(q);
    auto getter = spawn(get_one(reached));
    co_await sleep(1ms);
    reached.shutdown();
    BOOST_CHECK_THROW(co_await getter, queue_shutdown);
    queue<int> full;
    const auto reached_full = where.reach(full);
    co_await reached_full.put(1);
    reached_full.shutdown(queue_end::immediate);
    co_await reached_full.join();
    BOOST_CHECK_THROW(co_await reached_full.get(), queue_shutdown);
    BOOST_TEST(full.size() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(joining_waits_until_all_is_done, Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto reached = where.reach(q);
    co_await reached.join();
    co_await reached.put(1);
    auto joiner = spawn(join(reached));
    auto given_up = spawn(join(reached));
    co_await sleep(1ms);
    given_up.cancel();
    BOOST_CHECK_THROW(co_await given_up, cancelled);
    BOOST_TEST(co_await reached.get() == 1);
    BOOST_TEST(!joiner.done());
    reached.task_done();
    co_await joiner;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancelled_getter_takes_nothing_and_leaves_its_place, Setting,
                              both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto reached = where.reach(q);
    for (const bool killed : {false, true}) {
      auto getter = spawn(get_one(reached));
      co_await sleep(1ms);
      BOOST_TEST(q.getter_count() == 1U);
      if (killed)
        kill(getter.actor());
      else
        getter.cancel();
      BOOST_CHECK_THROW(co_await getter, cancelled);
      co_await sleep(1ms);
      BOOST_TEST(q.getter_count() == 0U);
      co_await reached.put(1);
      BOOST_TEST(q.size() == 1U);
      BOOST_TEST(co_await reached.get() == 1);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_item_that_reached_a_task_cancelled_in_that_turn_is_not_lost,
                              Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto reached = where.reach(q);
    for (const bool killed : {false, true}) {
      auto getter = spawn(get_one(reached));
      co_await sleep(1ms);
      q.put_nowait(1);
      q.put_nowait(2);
      if (killed)
        kill(getter.actor());
      else
        getter.cancel();
      try {  // the answer may have been there first
        BOOST_TEST(co_await getter == 1);
        BOOST_TEST(co_await q.get() == 2);
        continue;
      } catch (const cancelled&) {
      }
      co_await sleep(1ms);
      BOOST_TEST(co_await q.get() == 1);
      BOOST_TEST(co_await q.get() == 2);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancelled_putters_item_never_appears, Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    queue<int> q(1);
    const auto reached = where.reach(q);
    co_await reached.put(1);
    for (const bool killed : {false, true}) {
      auto putter = spawn(put_one(reached, 2));
      co_await sleep(1ms);
      BOOST_TEST(q.putter_count() == 1U);
      if (killed)
        kill(putter.actor());
      else
        putter.cancel();
      BOOST_CHECK_THROW(co_await putter, cancelled);
      co_await sleep(1ms);
      BOOST_TEST(q.putter_count() == 0U);
    }
    BOOST_TEST(co_await reached.get() == 1);
    BOOST_TEST(q.size() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_deadline_ends_a_wait_and_the_next_one_gets_the_item, Setting,
                              both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto reached = where.reach(q);
    BOOST_CHECK_THROW(co_await wait_for(get_one(reached), 1s), timeout_error);
    auto getter = spawn(get_one(reached));
    co_await sleep(1ms);
    co_await reached.put(1);
    BOOST_TEST(co_await getter == 1);
  };
  s.run(main());
}

// -- there only -----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_queue_is_found_at_its_actor_and_is_the_same) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto same = queue<int>::at(q.actor());
    same.put_nowait(1);
    BOOST_TEST(q.get_nowait() == 1);
    const auto not_one = [](const std::invalid_argument& e) { return says(e, "is no queue"); };
    BOOST_CHECK_EXCEPTION(queue<std::string>::at(q.actor()), std::invalid_argument, not_one);
    BOOST_CHECK_EXCEPTION(queue<int>::at(event().actor()), std::invalid_argument, not_one);
    BOOST_CHECK_EXCEPTION(queue<int>::at(caf::actor()), std::invalid_argument,
                          [](const auto& e) { return says(e, "nobody"); });
    BOOST_CHECK_THROW(lifo_queue<int>::at(q.actor()), std::invalid_argument);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_has_no_answer_at_once_says_what_to_do_instead) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto far = where.reach(q);
    const auto await_instead = [](const invalid_state& e) {
      return says(e, "in another process; await get");
    };
    BOOST_CHECK_EXCEPTION(far.get_nowait(), invalid_state, await_instead);
    BOOST_CHECK_EXCEPTION(static_cast<void>(far.try_get()), invalid_state, await_instead);
    BOOST_CHECK_EXCEPTION(far.put_nowait(1), invalid_state,
                          [](const auto& e) { return says(e, "await put"); });
    BOOST_CHECK_THROW(static_cast<void>(far.try_put(1)), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(far.size()), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(far.full()), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(far.getter_count()), invalid_state);
    BOOST_TEST(to_string(far) ==
               "queue " + std::to_string(far.actor().id()) + ", in another process");
    BOOST_TEST((far.actor() != q.actor()));
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_under_way_to_a_getter_that_is_cancelled_comes_back) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto far = where.reach(q);
    for (const bool killed : {false, true}) {
      auto getter = spawn(get_one(far));
      co_await sleep(1ms);
      where.way->hold();
      q.put_nowait(1);
      BOOST_TEST(q.size() == 0U);
      BOOST_TEST(where.way->under_way() == 1U);
      if (killed)
        kill(getter.actor());
      else
        getter.cancel();
      BOOST_CHECK_THROW(co_await getter, cancelled);
      BOOST_TEST(q.size() == 0U);
      where.way->flow();
      co_await sleep(1ms);
      BOOST_TEST(q.size() == 1U);
      BOOST_TEST(co_await far.get() == 1);
      BOOST_TEST(where.way->pending() == 0U);  // each request had its answer
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_for_a_task_that_has_ended_over_there_goes_to_the_next) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto far = where.reach(q);
    auto dying = spawn(get_one(far));
    co_await sleep(1ms);
    auto next = spawn(get_one(q));
    co_await sleep(1ms);
    where.way->hold();
    kill(dying.actor());
    BOOST_CHECK_THROW(co_await dying, cancelled);
    q.put_nowait(1);  // for the dying one: nothing of its end is known yet
    BOOST_TEST(!next.done());
    where.way->flow();
    BOOST_TEST(co_await next == 1);
  };
  s.run(main());
}

/// A plain CAF actor whose coroutine handler waits as many seconds for an item.
caf::actor getting(stage& s, const queue<int>& from) {
  return s.runtime.system().spawn([from](caf::event_based_actor* self) -> caf::behavior {
    return handlers(self, [from](int seconds) -> task<int> {
      co_return co_await wait_for(get_one(from), std::chrono::seconds(seconds));
    });
  });
}
task<int> get_by(caf::actor getter) { co_return co_await ask<int>(getter, infinite, 1); }

BOOST_AUTO_TEST_CASE(an_item_that_is_too_late_for_the_handler_of_a_caf_actor_comes_back) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto actor = getting(s, where.reach(q));
    auto late = spawn(get_by(actor));
    co_await sleep(1ms);
    BOOST_TEST(q.getter_count() == 1U);
    where.way->hold();
    q.put_nowait(1);
    BOOST_CHECK_THROW(co_await late, timeout_error);
    BOOST_TEST(q.size() == 0U);
    where.way->flow();
    co_await sleep(1ms);
    BOOST_TEST(q.size() == 1U);
    BOOST_TEST(co_await get_by(actor) == 1);
    BOOST_TEST(where.way->pending() == 0U);
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_put_that_is_cancelled_too_late_was_done) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    queue<int> q(1);
    const auto far = where.reach(q);
    q.put_nowait(1);
    bool put = false;
    auto putting = [&]() -> task<void> {
      co_await far.put(2);
      put = true;
      co_await sleep(1h);
    };
    auto putter = spawn(putting());
    co_await sleep(1ms);
    where.way->hold();
    BOOST_TEST(q.get_nowait() == 1);  // and 2 is in
    putter.cancel();
    co_await sleep(1ms);
    BOOST_TEST(!putter.done());  // how it ended is not known here
    where.way->flow();
    BOOST_CHECK_THROW(co_await putter, cancelled);
    BOOST_TEST(put);
    BOOST_TEST(q.get_nowait() == 2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(when_the_process_is_gone_all_who_wait_are_told) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    queue<int> q(1);
    const auto far = where.reach(q);
    q.put_nowait(1);
    auto putter = spawn(put_one(far, 2));
    auto joiner = spawn(join(far));
    queue<int> empty;
    auto getter = spawn(get_one(where.reach(empty)));
    co_await sleep(1ms);
    where.way->cut("the cable was pulled");
    const auto told = [](const broken_promise& e) { return says(e, "the cable was pulled"); };
    BOOST_CHECK_EXCEPTION(co_await putter, broken_promise, told);
    BOOST_CHECK_EXCEPTION(co_await joiner, broken_promise, told);
    BOOST_CHECK_EXCEPTION(co_await getter, broken_promise, told);
    BOOST_CHECK_THROW(co_await far.get(), broken_promise);
    far.shutdown();  // nobody hears it
    co_await sleep(1ms);
    BOOST_TEST(co_await q.get() == 1);
    empty.put_nowait(3);
    BOOST_TEST(empty.get_nowait() == 3);  // not for somebody who has gone
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(between_workers_no_item_is_lost_while_getters_elsewhere_give_up) {
  constexpr int items = 1000;
  runtime_options options;
  options.workers = 3;
  stage s(options);
  in_another_process where(s);
  std::atomic<int> got{0};
  std::atomic<long> sum{0};
  auto main = [&]() -> task<void> {
    queue<int> q(4);
    const auto far = where.reach(q);
    auto getting = [&](bool patient) -> task<void> {
      try {
        for (;;) {
          auto getter = spawn(get_one(far));
          if (!patient) {
            co_await yield();
            getter.cancel();
          }
          try {
            sum += co_await getter;
            ++got;
          } catch (const cancelled&) {
          }
        }
      } catch (const queue_shutdown&) {
      }
    };
    auto putting = [&]() -> task<void> {
      for (int i = 0; i != items; ++i) co_await far.put(i);
    };
    std::vector<task_handle<void>> getters;
    for (const bool patient : {false, false, true}) getters.push_back(spawn(getting(patient)));
    co_await spawn(putting());
    while (got != items) co_await yield();
    far.shutdown();
    for (const auto& getter : getters) co_await getter;
  };
  s.run(main());
  BOOST_TEST(got == items);
  BOOST_TEST(sum == long{items} * (items - 1) / 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
