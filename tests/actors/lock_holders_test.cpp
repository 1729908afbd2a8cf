// The lock and those who hold it when they end; and the message face, whose holders are any actors.
#include <buskin/actors/lock.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/condition.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/handlers.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/lock_holders.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

BOOST_AUTO_TEST_SUITE(lock_holders_)

// -- holders that end -----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_a_task_did_not_release_is_released_when_it_ends) {
  stage s;
  auto main = []() -> task<void> {
    lock l;
    journal said;
    auto failing = [&]() -> task<void> {
      co_await l.acquire();
      throw std::runtime_error("no");
    };
    auto one = spawn(take(l, &said, "ended"));
    auto two = spawn(failing());
    auto three = spawn(take_and_sleep(l));
    auto four = spawn(take_and_sleep(l));
    auto five = spawn(take(l, &said, "last"));
    co_await sleep(1ms);
    BOOST_TEST(one.done());
    BOOST_TEST(two.done());
    BOOST_CHECK_THROW(co_await two, std::runtime_error);
    BOOST_TEST(l.waiter_count() == 2U);
    three.cancel();
    BOOST_CHECK_THROW(co_await three, cancelled);
    co_await sleep(1ms);
    BOOST_TEST(l.waiter_count() == 1U);
    kill(four.actor());
    co_await five;
    BOOST_TEST((said == journal{"ended", "last"}));
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_guard_in_the_frame_of_a_killed_task_releases_once) {
  stage s;
  auto main = []() -> task<void> {
    lock l;
    auto one = spawn(hold_for(l, 1h));
    auto two = spawn(take_and_sleep(l));
    auto three = spawn(take_and_sleep(l));
    co_await sleep(1ms);
    BOOST_TEST(l.waiter_count() == 2U);
    kill(one.actor());
    co_await sleep(1ms);
    BOOST_TEST(one.done());
    BOOST_TEST(l.is_locked());
    BOOST_TEST(l.waiter_count() == 1U);
    l.release();
    co_await sleep(1ms);
    BOOST_TEST(l.waiter_count() == 0U);
    BOOST_TEST(l.is_locked());
    co_await two;
    co_await three;
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_lock_on_its_way_to_a_killed_task_goes_to_the_next) {
  stage s;
  auto main = []() -> task<void> {
    lock l;
    journal said;
    co_await l.acquire();
    auto one = spawn(hold_for(l, 1h));
    auto two = spawn(take(l, &said, "two"));
    co_await sleep(1ms);
    kill(one.actor());
    l.release();
    co_await two;
    BOOST_TEST(one.done());
    BOOST_TEST((said == journal{"two"}));
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_another_task_released_is_not_released_again_at_the_end) {
  stage s;
  auto main = []() -> task<void> {
    lock l;
    auto one = spawn(take_and_sleep(l));
    co_await sleep(1ms);
    l.release();
    co_await l.acquire();
    kill(one.actor());
    co_await sleep(1ms);
    BOOST_TEST(one.done());
    BOOST_TEST(l.is_locked());
    l.release();
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_release_too_many_does_not_spoil_the_record) {
  stage s;
  auto main = []() -> task<void> {
    lock l;
    auto confused = [&]() -> task<void> {
      co_await l.acquire();
      co_await sleep(1ms);  // released by somebody else in between
      BOOST_CHECK_THROW(l.release(), invalid_state);
    };
    auto one = spawn(confused());
    co_await yield();
    co_await yield();
    BOOST_TEST(l.is_locked());
    l.release();
    co_await one;
    // A later holder's end is still one.
    journal said;
    co_await spawn(take(l, &said, "later"));
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_task_killed_while_it_waits_for_a_condition_inside_its_guard_releases_nothing) {
  stage s;
  auto main = []() -> task<void> {
    const lock l;
    const condition c(l);
    auto waiting = [&]() -> task<void> {
      const auto guard = co_await l.hold();
      co_await c.wait();
    };
    // Nobody holds it meanwhile.
    auto one = spawn(waiting());
    co_await sleep(1ms);
    BOOST_TEST(!l.is_locked());
    kill(one.actor());
    co_await sleep(1ms);
    BOOST_TEST(one.done());
    BOOST_TEST(!l.is_locked());
    BOOST_TEST(c.waiter_count() == 0U);
    // Somebody else holds it.
    auto two = spawn(waiting());
    co_await sleep(1ms);
    co_await l.acquire();
    kill(two.actor());
    co_await sleep(1ms);
    BOOST_TEST(two.done());
    BOOST_TEST(l.is_locked());
    // It was notified and waits for the lock.
    auto three = spawn(waiting());
    l.release();
    co_await sleep(1ms);
    co_await l.acquire();
    c.notify();
    co_await sleep(1ms);
    BOOST_TEST(l.waiter_count() == 1U);
    kill(three.actor());
    co_await sleep(1ms);
    BOOST_TEST(l.waiter_count() == 0U);
    BOOST_TEST(l.is_locked());
    l.release();
    BOOST_TEST(!l.is_locked());
    BOOST_CHECK_THROW(l.release(), invalid_state);
  };
  s.run(main());
}

using go = caf::atom_constant<caf::atom("go")>;

class holder final : public behavior_actor {
 public:
  holder(caf::actor_config& config, lock l) : behavior_actor(config), lock_(std::move(l)) {}

 protected:
  caf::behavior make_behavior() override {
    return handlers(this, handling::interleaving, [l = lock_](go) -> task<void> {
      co_await l.acquire();
      co_await sleep(1ms);
      l.release();
    });
  }

 private:
  lock lock_;
};

BOOST_AUTO_TEST_CASE(what_a_coroutine_handler_acquired_and_released_is_no_tasks_business) {
  stage s;
  auto main = [&]() -> task<void> {
    lock l;
    const auto actor = spawn_actor<holder>(s.runtime.system(), l);
    for (int i = 0; i != 3; ++i) co_await ask<void>(actor, 1s, go::value);
    co_await l.acquire();
    auto asking = [&]() -> task<void> { co_await ask<void>(actor, 1s, go::value); };
    auto waiting = spawn(asking());
    co_await yield();
    l.release();
    co_await waiting;
    journal said;
    co_await spawn(take(l, &said, "task"));
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

class waiter final : public behavior_actor {
 public:
  waiter(caf::actor_config& config, condition c)
      : behavior_actor(config), condition_(std::move(c)) {}

 protected:
  caf::behavior make_behavior() override {
    return handlers(this, handling::interleaving, [c = condition_](go) -> task<void> {
      const auto guard = co_await c.hold();
      co_await c.wait();
    });
  }

 private:
  condition condition_;
};

BOOST_AUTO_TEST_CASE(
    a_handler_killed_while_it_waits_for_a_condition_inside_its_guard_leaves_the_lock_free) {
  stage s;
  auto main = [&]() -> task<void> {
    const condition c;
    const auto actor = spawn_actor<waiter>(s.runtime.system(), c);
    caf::anon_send(actor, go::value);
    co_await sleep(1ms);
    BOOST_TEST(c.waiter_count() == 1U);
    kill(actor);
    co_await sleep(1ms);
    BOOST_TEST(c.waiter_count() == 0U);
    BOOST_TEST(!c.mutex().is_locked());
    co_await c.mutex().acquire();
    c.mutex().release();
  };
  s.run(main());
}

// -- the message face -----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_acquires_and_releases_by_messages) {
  stage s;
  auto main = [&]() -> task<void> {
    lock l;
    journal said;
    co_await l.acquire();
    s.runtime.system().spawn([&](caf::event_based_actor* self) {
      self->request(l.actor(), caf::infinite, acquire_permit::value).then([&, self] {
        said.push_back("actor");
        self->request(l.actor(), caf::infinite, release_permit::value).then([&] {
          said.push_back("released");
        });
      });
    });
    co_await sleep(1ms);
    auto one = spawn(take(l, &said, "task"));
    co_await sleep(1ms);
    BOOST_TEST(l.waiter_count() == 2U);
    l.release();
    co_await one;
    co_await sleep(1ms);
    BOOST_TEST(said.size() == 3U);
    BOOST_TEST(said.front() == "actor");
    BOOST_TEST(!l.is_locked());
    BOOST_CHECK_THROW(co_await ask<void>(l.actor(), 1s, release_permit::value), invalid_state);
    BOOST_CHECK_THROW(co_await ask<void>(l.actor(), 1s, "what"), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(messages_and_tasks_may_release_for_each_other) {
  stage s;
  auto main = [&]() -> task<void> {
    lock l;
    journal said;
    // Acquired by a message, released by a task; and the other way round.
    for (int i = 0; i != 2; ++i) {
      co_await ask<void>(l.actor(), 1s, acquire_permit::value);
      BOOST_TEST(l.is_locked());
      l.release();
    }
    auto one = spawn(take_and_sleep(l));
    co_await sleep(1ms);
    co_await ask<void>(l.actor(), 1s, release_permit::value);
    BOOST_TEST(!l.is_locked());
    kill(one.actor());
    co_await sleep(1ms);
    // The records are right: a holder's end releases.
    co_await spawn(take(l, &said, "later"));
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_lock_is_not_given_to_an_actor_that_died_while_it_waited) {
  stage s;
  auto main = [&]() -> task<void> {
    lock l;
    co_await l.acquire();
    const auto dying = s.runtime.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
      self->request(l.actor(), caf::infinite, acquire_permit::value).then([] {
        BOOST_ERROR("was dead");
      });
      return {[](int) {}};
    });
    co_await sleep(1ms);
    BOOST_TEST(l.waiter_count() == 1U);
    caf::anon_send_exit(dying, caf::exit_reason::user_shutdown);
    co_await sleep(1ms);
    l.release();
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

/// A plain CAF actor that takes the lock, says so, and lives on.
caf::actor plain_holder(stage& s, const lock& l, journal& said) {
  return s.runtime.system().spawn([&said, l](caf::event_based_actor* self) -> caf::behavior {
    self->request(l.actor(), caf::infinite, acquire_permit::value).then([&said] {
      said.push_back("actor");
    });
    return {
        [=](int) { self->request(l.actor(), caf::infinite, release_permit::value).then([] {}); }};
  });
}

BOOST_AUTO_TEST_CASE(what_an_actor_acquired_by_a_message_is_released_when_it_ends) {
  stage s;
  auto main = [&]() -> task<void> {
    lock l;
    journal said;
    for (const auto reason : {caf::exit_reason::user_shutdown, caf::exit_reason::kill}) {
      const auto holder = plain_holder(s, l, said);
      co_await sleep(1ms);
      BOOST_TEST(l.is_locked());
      auto next = spawn(take(l, &said, "task"));
      co_await sleep(1ms);
      caf::anon_send_exit(holder, reason);
      co_await next;
      BOOST_TEST(!l.is_locked());
    }
    BOOST_TEST((said == journal{"actor", "task", "actor", "task"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_an_actor_gave_back_itself_is_not_released_again_at_its_end) {
  stage s;
  auto main = [&]() -> task<void> {
    lock l;
    journal said;
    const auto holder = plain_holder(s, l, said);
    co_await sleep(1ms);
    caf::anon_send(holder, 0);
    co_await sleep(1ms);
    BOOST_TEST(!l.is_locked());
    co_await l.acquire();
    caf::anon_send_exit(holder, caf::exit_reason::user_shutdown);
    co_await sleep(1ms);
    BOOST_TEST(l.is_locked());
    l.release();
    // Nor what another one released in its name.
    const auto second = plain_holder(s, l, said);
    co_await sleep(1ms);
    l.release();
    co_await l.acquire();
    caf::anon_send_exit(second, caf::exit_reason::user_shutdown);
    co_await sleep(1ms);
    BOOST_TEST(l.is_locked());
    l.release();
    BOOST_CHECK_THROW(l.release(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_answer_too_late_for_its_asker_gives_the_lock_back) {
  stage s;
  auto main = [&]() -> task<void> {
    lock l;
    journal said;
    co_await l.acquire();
    const auto asker = s.runtime.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
      self->request(l.actor(), 1s, acquire_permit::value)
          .then([&] { said.push_back("held"); }, [&](caf::error&) { said.push_back("late"); });
      return {[](int) {}};
    });
    auto asking = [&]() -> task<void> { co_await ask<void>(l.actor(), 1s, acquire_permit::value); };
    auto other = spawn(asking());
    co_await sleep(2s);
    BOOST_CHECK_THROW(co_await other, timeout_error);
    BOOST_TEST((said == journal{"late"}));
    auto next = spawn(take(l, &said, "next"));
    co_await sleep(1ms);
    l.release();
    co_await next;
    BOOST_TEST(!l.is_locked());
    caf::anon_send_exit(asker, caf::exit_reason::user_shutdown);
    co_await sleep(1ms);
    BOOST_TEST(!l.is_locked());
    BOOST_CHECK_THROW(l.release(), invalid_state);
  };
  s.run(main());
}

class forgetful final : public behavior_actor {
 public:
  forgetful(caf::actor_config& config, lock l) : behavior_actor(config), lock_(std::move(l)) {}

 protected:
  caf::behavior make_behavior() override {
    return handlers(
        this, handling::interleaving, [l = lock_](go) -> task<void> { co_await l.acquire(); },
        [l = lock_](int) -> task<void> {
          const auto guard = co_await l.hold();
          co_await sleep(1h);
        });
  }

 private:
  lock lock_;
};

BOOST_AUTO_TEST_CASE(what_a_coroutine_handler_did_not_release_is_released_when_its_actor_ends) {
  stage s;
  auto main = [&]() -> task<void> {
    lock l;
    for (const bool in_a_guard : {false, true}) {
      const auto actor = spawn_actor<forgetful>(s.runtime.system(), l);
      if (in_a_guard)
        caf::anon_send(actor, 0);
      else
        co_await ask<void>(actor, 1s, go::value);
      co_await sleep(1ms);
      BOOST_TEST(l.is_locked());
      auto next = spawn(take_and_sleep(l));
      co_await sleep(1ms);
      kill(actor);
      co_await sleep(1ms);
      BOOST_TEST(l.is_locked());
      BOOST_TEST(l.waiter_count() == 0U);  // the next one has it, and nobody released that
      co_await next;
      BOOST_TEST(!l.is_locked());
      BOOST_CHECK_THROW(l.release(), invalid_state);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_guard_of_a_handler_of_a_killed_caf_actor_releases_once) {
  stage s;
  auto main = [&]() -> task<void> {
    lock l;
    const auto actor = s.runtime.system().spawn([l](caf::event_based_actor* self) -> caf::behavior {
      return handlers(self, handling::interleaving, [l](go) -> task<void> {
        const auto guard = co_await l.hold();
        co_await sleep(1h);
      });
    });
    caf::anon_send(actor, go::value);
    co_await sleep(1ms);
    BOOST_TEST(l.is_locked());
    auto next = spawn(take_and_sleep(l));
    co_await sleep(1ms);
    kill(actor);
    co_await sleep(1ms);
    BOOST_TEST(l.is_locked());
    BOOST_TEST(l.waiter_count() == 0U);
    co_await next;
    BOOST_TEST(!l.is_locked());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_lock_is_made_inside_of_a_runtime_and_awaited_in_a_task_only) {
  BOOST_CHECK_THROW(lock(), invalid_state);
  stage s;
  auto main = []() -> task<lock> { co_return lock(); };
  const lock l = s.run(main());
  BOOST_CHECK_THROW(l.acquire().await_ready(), invalid_state);
  BOOST_TEST(l.try_acquire());
  l.release();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
