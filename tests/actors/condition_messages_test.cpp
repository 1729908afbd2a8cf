// The message face of the condition: plain CAF actors that hold its lock, wait and notify.
#include <buskin/actors/condition.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/condition_waiters.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

/// A plain actor that takes the lock, waits, and says when it holds the lock again. It gives the
/// lock back when it is sent an `int`.
caf::actor plain_waiter(stage& s, const condition& c, journal& said, const std::string& name,
                        caf::duration patience = caf::infinite) {
  return s.runtime.system().spawn([=, &said](caf::event_based_actor* self) -> caf::behavior {
    self->request(c.actor(), caf::infinite, acquire_permit::value).then([=, &said] {
      self->request(c.actor(), patience, await_condition::value)
          .then([=, &said] { said.push_back(name); },
                [=, &said](caf::error& why) { said.push_back(name + ": " + describe(why)); });
    });
    return {
        [=](int) { self->request(c.actor(), caf::infinite, release_permit::value).then([] {}); }};
  });
}

/// An actor that is going to die, and behind it a task. All that is referred to outlives this.
task<std::pair<caf::actor, task_handle<void>>> two_waiters(stage& s, const condition& c,
                                                           journal& said) {
  auto dying = plain_waiter(s, c, said, "dying");
  co_await sleep(1ms);
  auto living = co_await waiters(c, &said, {"living"});
  co_return std::pair(std::move(dying), std::move(living[0]));
}

task<void> give_back(const caf::actor& who) {
  caf::anon_send(who, 0);
  co_await sleep(1ms);
}

BOOST_AUTO_TEST_SUITE(condition_messages_)

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_waits_without_the_lock_and_holds_it_when_it_is_answered) {
  stage s;
  auto main = [&]() -> task<void> {
    const condition c;
    journal said;
    const auto one = plain_waiter(s, c, said, "one");
    const auto two = plain_waiter(s, c, said, "two");
    co_await sleep(1ms);
    BOOST_TEST(c.waiter_count() == 2U);
    BOOST_TEST(!c.mutex().is_locked());
    {
      const auto guard = co_await c.hold();
      c.notify_all();
      co_await sleep(1s);
      BOOST_TEST(said.empty());  // the lock is not free
      BOOST_TEST(c.mutex().waiter_count() == 2U);
    }
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one"}));
    BOOST_TEST(c.mutex().is_locked());
    co_await give_back(one);
    BOOST_TEST((said == journal{"one", "two"}));
    co_await give_back(two);
    BOOST_TEST(!c.mutex().is_locked());
    BOOST_CHECK_THROW(co_await ask<void>(c.actor(), 1s, "what"), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_notifies_tasks_and_actors_in_the_order_of_waiting) {
  stage s;
  auto main = [&]() -> task<void> {
    const condition c;
    journal said;
    const auto actor = plain_waiter(s, c, said, "actor");
    co_await sleep(1ms);
    const auto tasks = co_await waiters(c, &said, {"task one", "task two"});
    // What is sent to the condition alone is done in the order of sending.
    auto notifying = [&](auto... what) {
      s.runtime.system().spawn([=](caf::event_based_actor* self) {
        self->request(c.actor(), caf::infinite, acquire_permit::value).then([=] {
          self->request(c.actor(), caf::infinite, notify_condition::value, what...).then([] {});
          self->request(c.actor(), caf::infinite, release_permit::value).then([] {});
        });
      });
    };
    notifying();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"actor"}));
    co_await give_back(actor);
    BOOST_TEST(c.waiter_count() == 2U);
    notifying(std::uint64_t{2});
    for (const auto& each : tasks) co_await each;
    BOOST_TEST((said == journal{"actor", "task one", "task two"}));
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_does_not_hold_the_lock_is_refused) {
  stage s;
  auto main = [&]() -> task<void> {
    const condition c;
    BOOST_CHECK_THROW(co_await ask<void>(c.actor(), 1s, notify_condition::value), invalid_state);
    BOOST_CHECK_THROW(co_await ask<void>(c.actor(), 1s, await_condition::value), invalid_state);
    BOOST_TEST(c.waiter_count() == 0U);
    // Nor does a wait give up what somebody else holds.
    const auto guard = co_await c.hold();
    journal said;
    s.runtime.system().spawn([&](caf::event_based_actor* self) {
      self->request(c.actor(), caf::infinite, await_condition::value)
          .then([] { BOOST_ERROR("it did not hold the lock"); },
                [&](caf::error&) { said.push_back("refused"); });
    });
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"refused"}));
    BOOST_TEST(c.mutex().is_locked());
    BOOST_TEST(c.waiter_count() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_notification_passes_over_an_actor_that_died_while_it_waited) {
  stage s;
  auto main = [&]() -> task<void> {
    const condition c;
    journal said;
    const auto [dying, living] = co_await two_waiters(s, c, said);
    kill(dying);
    co_await sleep(1ms);
    co_await notify_some(c, 1);
    co_await living;
    BOOST_TEST((said == journal{"living"}));
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(one_that_dies_while_it_queues_up_for_the_lock_passes_its_notification_on) {
  stage s;
  auto main = [&]() -> task<void> {
    const condition c;
    journal said;
    const auto [dying, living] = co_await two_waiters(s, c, said);
    {
      const auto guard = co_await c.hold();
      c.notify();
      co_await sleep(1ms);
      BOOST_TEST(c.mutex().waiter_count() == 1U);
      kill(dying);
      co_await sleep(1ms);
    }
    co_await living;
    BOOST_TEST((said == journal{"living"}));
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_answer_too_late_for_its_asker_gives_lock_and_notification_to_another) {
  stage s;
  auto main = [&]() -> task<void> {
    const condition c;
    journal said;
    const auto late = plain_waiter(s, c, said, "late", caf::duration(1s));
    co_await sleep(2s);
    BOOST_TEST((said == journal{"late: request timeout"}));
    said.clear();
    const auto living = co_await waiters(c, &said, {"living"});
    co_await notify_some(c, 1);
    co_await living[0];
    BOOST_TEST((said == journal{"living"}));
    BOOST_TEST(!c.mutex().is_locked());
    BOOST_TEST(c.waiter_count() == 0U);
    // It does not hold the lock, so that its release is one too many.
    BOOST_CHECK_THROW(c.mutex().release(), invalid_state);
    kill(late);
    co_await sleep(1ms);
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_a_notified_actor_holds_is_released_when_it_ends) {
  stage s;
  auto main = [&]() -> task<void> {
    const condition c;
    journal said;
    const auto one = plain_waiter(s, c, said, "one");
    co_await sleep(1ms);
    co_await notify_some(c, 1);
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one"}));
    BOOST_TEST(c.mutex().is_locked());
    kill(one);
    co_await sleep(1ms);
    BOOST_TEST(!c.mutex().is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_waits_by_a_message_is_told_when_the_condition_goes) {
  stage s;
  auto main = [&]() -> task<void> {
    const lock l;
    std::optional<condition> c(l);
    journal said;
    const auto told =
        s.runtime.system().spawn([&, l](caf::event_based_actor* self) -> caf::behavior {
          self->request(l.actor(), caf::infinite, acquire_permit::value).then([&, self] {
            self->request(c->actor(), caf::infinite, await_condition::value)
                .then([] { BOOST_ERROR("nobody notified it"); },
                      [&](caf::error& why) {
                        BOOST_TEST(is(why, failure::broken_promise));
                        said.push_back("told");
                      });
          });
          return {[](int) {}};
        });
    co_await sleep(1ms);
    BOOST_TEST(c->waiter_count() == 1U);
    c.reset();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"told"}));
    BOOST_TEST(!l.is_locked());
    // One that was notified already gets the lock even so.
    c.emplace(l);
    journal woken;
    const auto waiting = plain_waiter(s, *c, woken, "woken");
    // It keeps a copy, and so does its behaviour: the condition goes when it ends.
    co_await sleep(1ms);
    co_await l.acquire();
    c->notify();
    c.reset();
    l.release();
    co_await sleep(1ms);
    BOOST_TEST((woken == journal{"woken"}));
    kill(waiting);
    kill(told);
    co_await sleep(1ms);
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(between_workers_and_threads_no_notification_is_lost_while_waiters_die) {
  constexpr int items = 400;
  runtime_options options;
  options.workers = 2;
  options.signals = signal_handling::none;
  int made = 0;  // both are guarded by the lock
  int taken = 0;
  auto main = [&]() -> task<void> {
    const condition c;
    auto& system = runtime::current().system();
    std::thread consumer([&] {
      caf::scoped_actor self(system);
      const auto tell = [&](auto what) {
        self->request(c.actor(), caf::infinite, what)
            .receive([] {}, [](caf::error& why) { BOOST_ERROR(describe(why)); });
      };
      tell(acquire_permit::value);
      while (taken != items) {
        while (made == 0) tell(await_condition::value);
        --made;
        ++taken;
      }
      tell(release_permit::value);
    });
    auto producing = [&]() -> task<void> {
      for (int i = 0; i != items; ++i) {
        {
          const auto guard = co_await c.hold();
          ++made;
          c.notify();
        }
        if (i % 3 == 0) co_await yield();
      }
    };
    auto dying = [&]() -> task<void> {
      for (int i = 0; i != items; ++i) {
        const auto victim = system.spawn([c](caf::event_based_actor* self) -> caf::behavior {
          self->request(c.actor(), caf::infinite, acquire_permit::value).then([=] {
            self->request(c.actor(), caf::infinite, await_condition::value).then([=] {
              self->send(c.actor(), notify_condition::value);  // what woke it was for another
              self->send(c.actor(), release_permit::value);
              self->quit();
            });
          });
          return {[](int) {}};
        });
        for (int k = i % 4; k != 0; --k) co_await yield();
        kill(victim);
      }
    };
    co_await gather(producing(), dying());
    while (true) {  // one that was woken may have been killed before it passed that on
      const auto guard = co_await c.hold();
      if (taken == items) break;
      c.notify_all();
      co_await yield();  // or this worker would do nothing else
    }
    consumer.join();
    BOOST_TEST(!c.mutex().is_locked());
  };
  run(main(), options);
  BOOST_TEST(taken == items);
  BOOST_TEST(made == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
