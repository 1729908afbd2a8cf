// The queue as plain CAF actors see it: messages.
#include <buskin/actors/queue.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

task<void> put_one(queue<int> q, int item) { co_await q.put(item); }

BOOST_AUTO_TEST_SUITE(queue_messages_)

/// A plain CAF actor that takes three items and puts their sum.
void summing(caf::event_based_actor* self, const caf::actor& in, const caf::actor& out, int left,
             int sum) {
  if (left == 0) {
    self->request(out, caf::infinite, put_item::value, sum).then([self] { self->quit(); });
    return;
  }
  self->request(in, caf::infinite, get_item::value).then([=](int item) {
    summing(self, in, out, left - 1, sum + item);
  });
}

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_gets_and_puts_by_messages) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> in;
    queue<int> out;
    s.runtime.system().spawn(
        [&](caf::event_based_actor* self) { summing(self, in.actor(), out.actor(), 3, 0); });
    in.put_nowait(1);
    co_await sleep(1ms);
    in.put_nowait(2);
    in.put_nowait(3);
    BOOST_TEST(co_await out.get() == 6);
    co_await sleep(1ms);
    BOOST_TEST(s.runtime.alive() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_put_by_message_waits_for_room_and_the_order_is_one_for_both_faces) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> q(1);
    q.put_nowait(1);
    auto asking = [&](int item) -> task<void> {
      co_await ask<void>(q.actor(), infinite, put_item::value, item);
    };
    auto two = spawn(asking(2));
    co_await sleep(1ms);
    auto three = spawn(put_one(q, 3));
    co_await sleep(1ms);
    BOOST_TEST(!two.done());
    BOOST_TEST(q.putter_count() == 2U);
    BOOST_TEST(co_await ask<int>(q.actor(), 1s, get_item::value) == 1);
    BOOST_TEST(co_await q.get() == 2);
    BOOST_TEST(co_await ask<int>(q.actor(), 1s, get_item::value) == 3);
    co_await two;
    co_await three;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(after_a_shutdown_messages_are_answered_with_that_error) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> q(1);
    auto asking = [&]() -> task<int> {
      co_return co_await ask<int>(q.actor(), infinite, get_item::value);
    };
    auto getter = spawn(asking());
    co_await sleep(1ms);
    q.shutdown();
    BOOST_CHECK_THROW(co_await getter, queue_shutdown);
    BOOST_CHECK_THROW(co_await ask<int>(q.actor(), infinite, get_item::value), queue_shutdown);
    BOOST_CHECK_THROW(co_await ask<void>(q.actor(), infinite, put_item::value, 1), queue_shutdown);
    BOOST_CHECK_THROW(co_await ask<void>(q.actor(), 1s, "what"), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_is_not_given_to_an_actor_that_died_while_it_waited_for_one) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto dying = s.runtime.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
      self->request(q.actor(), caf::infinite, get_item::value).then([](int) {
        BOOST_ERROR("was dead");
      });
      return {[](int) {}};
    });
    co_await sleep(1ms);
    BOOST_TEST(q.getter_count() == 1U);
    caf::anon_send_exit(dying, caf::exit_reason::user_shutdown);
    co_await sleep(1ms);
    q.put_nowait(1);
    BOOST_TEST(q.size() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(joining_marking_as_done_and_shutting_down_go_by_messages_too) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> q;
    co_await ask<void>(q.actor(), 1s, await_done::value);
    co_await ask<void>(q.actor(), 1s, put_item::value, 1);
    auto joining = [&]() -> task<void> {
      co_await ask<void>(q.actor(), infinite, await_done::value);
    };
    auto joiner = spawn(joining());
    BOOST_TEST(co_await ask<int>(q.actor(), 1s, get_item::value) == 1);
    BOOST_TEST(!joiner.done());
    co_await ask<void>(q.actor(), 1s, item_done::value);
    co_await joiner;
    BOOST_CHECK_THROW(co_await ask<void>(q.actor(), 1s, item_done::value), invalid_state);
    co_await ask<void>(q.actor(), 1s, shut_down_queue::value);
    BOOST_CHECK_THROW(q.put_nowait(1), queue_shutdown);
  };
  s.run(main());
}

// -- answers that nobody takes --------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(an_item_whose_asker_gave_up_waiting_is_not_lost) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> q;
    journal said;
    const auto asker = s.runtime.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
      self->request(q.actor(), 1s, get_item::value)
          .then([&](int) { said.push_back("item"); },
                [&](const caf::error& e) {
                  said.push_back(e == caf::sec::request_timeout ? "late" : "?");
                });
      return {[](int) {}};
    });
    co_await sleep(2s);
    BOOST_TEST((said == journal{"late"}));
    // The queue cannot know: it still counts the asker, and gives it the item. It comes back.
    q.put_nowait(1);
    q.put_nowait(2);
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"late"}));
    BOOST_TEST(co_await q.get() == 1);
    BOOST_TEST(co_await q.get() == 2);
    q.task_done();
    q.task_done();
    co_await q.join();
    caf::anon_send_exit(asker, caf::exit_reason::user_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_whose_asking_task_gave_up_waiting_goes_to_the_next_getter) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> q;
    BOOST_CHECK_THROW(co_await ask<int>(q.actor(), 1s, get_item::value), timeout_error);
    auto getting = [&]() -> task<int> { co_return co_await q.get(); };
    auto next = spawn(getting());
    co_await sleep(1ms);
    q.put_nowait(1);
    BOOST_TEST(co_await next == 1);
    BOOST_TEST(q.empty());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_that_reached_a_task_cancelled_in_that_turn_comes_back) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> q;
    auto asking = [&]() -> task<int> {
      co_return co_await ask<int>(q.actor(), infinite, get_item::value);
    };
    for (const bool killed : {false, true}) {
      auto asker = spawn(asking());
      co_await sleep(1ms);
      BOOST_TEST(q.getter_count() == 1U);
      if (killed)
        kill(asker.actor());
      else
        asker.cancel();
      q.put_nowait(1);
      BOOST_TEST(q.empty());  // on its way
      BOOST_CHECK_THROW(co_await asker, cancelled);
      BOOST_TEST(q.getter_count() == 0U);
      BOOST_TEST(co_await q.get() == 1);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_item_in_the_mailbox_of_an_actor_that_ends_comes_back) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> q;
    const auto asker = s.runtime.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
      self->request(q.actor(), caf::infinite, get_item::value).then([](int) {
        BOOST_ERROR("it had ended");
      });
      return {[=](int) { self->quit(); }};
    });
    co_await sleep(1ms);
    caf::anon_send(asker, 0);
    q.put_nowait(1);  // arrives after the message that ends it
    BOOST_TEST(q.empty());
    co_await sleep(1ms);
    BOOST_TEST(q.get_nowait() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_late_answer_is_not_taken_for_that_of_the_next_request) {
  stage s;
  auto main = [&]() -> task<void> {
    queue<int> slow;
    queue<int> quick;
    quick.put_nowait(7);
    for (int i = 0; i != 3; ++i) {
      BOOST_CHECK_THROW(co_await ask<int>(slow.actor(), 1s, get_item::value), timeout_error);
      slow.put_nowait(i);
      BOOST_TEST(co_await ask<int>(quick.actor(), 1s, get_item::value) == 7);
      quick.put_nowait(7);
      BOOST_TEST(slow.get_nowait() == i);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(between_workers_no_item_is_lost_while_askers_give_up) {
  constexpr int items = 3000;
  runtime_options options;
  options.workers = 3;
  options.signals = signal_handling::none;
  std::atomic<int> got{0};
  std::atomic<long> sum{0};
  auto main = [&]() -> task<void> {
    queue<int> q(4);
    auto asking = [&](duration patience) -> task<void> {
      try {
        for (;;) {
          try {
            const int item = co_await ask<int>(q.actor(), patience, get_item::value);
            ++got;
            sum += item;
          } catch (const timeout_error&) {
          }
          co_await yield();
        }
      } catch (const queue_shutdown&) {
      }
    };
    auto putting = [&]() -> task<void> {
      for (int i = 0; i != items; ++i) {
        co_await q.put(i);
        if (i % 4 == 0) co_await yield();
      }
    };
    std::vector<task_handle<void>> askers;
    for (int i = 0; i != 4; ++i) askers.push_back(spawn(asking(20us)));
    askers.push_back(spawn(asking(1h)));
    co_await spawn(putting());
    while (got != items) co_await yield();
    q.shutdown();
    for (const auto& asker : askers) co_await asker;
  };
  run(main(), options);
  BOOST_TEST(got == items);
  BOOST_TEST(sum == long{items} * (items - 1) / 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
