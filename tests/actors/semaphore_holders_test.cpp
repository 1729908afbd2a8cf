// The semaphore and those who hold permits when they end; and the message face, whose holders are
// any actors.
#include <buskin/actors/semaphore.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/permit_holders.hpp"
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

BOOST_AUTO_TEST_SUITE(semaphore_holders_)

// -- holders that end -----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_tasks_did_not_release_is_released_when_they_end) {
  stage s;
  auto main = []() -> task<void> {
    semaphore two(2);
    journal said;
    auto failing = [&]() -> task<void> {
      co_await two.acquire();
      co_await two.acquire();
      throw std::runtime_error("no");
    };
    co_await spawn(take_for_good(two));
    BOOST_TEST(two.available() == 2U);
    auto holder = spawn(failing());
    BOOST_CHECK_THROW(co_await holder, std::runtime_error);
    BOOST_TEST(two.available() == 2U);
    auto one = spawn(take(two, &said, "one"));
    auto other = spawn(take(two, &said, "other"));
    auto third = spawn(take(two, &said, "third"));
    co_await sleep(1ms);
    BOOST_TEST(two.waiter_count() == 1U);
    kill(one.actor());
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one", "other", "third"}));
    other.cancel();
    BOOST_CHECK_THROW(co_await other, cancelled);
    BOOST_TEST(two.available() == 1U);
    co_await third;
    BOOST_TEST(two.available() == 2U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_guard_in_the_frame_of_a_killed_task_gives_one_permit_back) {
  stage s;
  auto main = []() -> task<void> {
    semaphore two(2);
    auto holding = [&]() -> task<void> {
      const auto guard = co_await two.hold();
      co_await two.acquire();
      co_await sleep(1h);
    };
    auto holder = spawn(holding());
    co_await sleep(1ms);
    BOOST_TEST(two.available() == 0U);
    kill(holder.actor());
    co_await sleep(1ms);
    BOOST_TEST(two.available() == 2U);
    // Somebody else holds one by a message: the killed task's is not taken for that one.
    co_await ask<void>(two.actor(), 1s, acquire_permit::value);
    auto guarding = [&]() -> task<void> {
      const auto guard = co_await two.hold();
      co_await sleep(1h);
    };
    auto guarded = spawn(guarding());
    co_await sleep(1ms);
    BOOST_TEST(two.available() == 0U);
    kill(guarded.actor());
    co_await sleep(1ms);
    BOOST_TEST(two.available() == 1U);
    co_await ask<void>(two.actor(), 1s, release_permit::value);
    BOOST_TEST(two.available() == 2U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_guard_may_move_to_another_task) {
  stage s;
  auto main = []() -> task<void> {
    semaphore one;
    auto keeping = [](held<semaphore> guard, duration length) -> task<void> {
      const auto mine = std::move(guard);
      co_await sleep(length);
    };
    auto taking = [&]() -> task<void> {
      auto guard = co_await one.hold();
      co_await spawn(keeping(std::move(guard), 1s));
      BOOST_TEST(one.available() == 1U);
    };
    co_await spawn(taking());
    BOOST_TEST(one.available() == 1U);
    BOOST_TEST(one.try_acquire());
    one.release();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_permit_that_another_task_released_is_not_released_again_at_the_holders_end) {
  stage s;
  auto main = []() -> task<void> {
    semaphore signals(0);
    auto consuming = [&]() -> task<void> {
      for (int i = 0; i != 3; ++i) co_await signals.acquire();
    };
    for (int i = 0; i != 5; ++i) signals.release();
    co_await spawn(consuming());
    BOOST_TEST(signals.available() == 2U);
  };
  s.run(main());
}

// -- the message face -----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_acquires_and_releases_by_messages) {
  stage s;
  auto main = [&]() -> task<void> {
    bounded_semaphore one;
    journal said;
    co_await one.acquire();
    s.runtime.system().spawn([&](caf::event_based_actor* self) {
      self->request(one.actor(), caf::infinite, acquire_permit::value).then([&, self] {
        said.push_back("acquired");
        self->delayed_send(self, 1s, 0);
      });
      self->become([&, self](int) {
        self->request(one.actor(), caf::infinite, release_permit::value).then([&, self] {
          said.push_back("released");
          self->request(one.actor(), caf::infinite, release_permit::value)
              .then([&] { said.push_back("released twice"); },
                    [&, self](caf::error&) {
                      said.push_back("refused");
                      self->quit();
                    });
        });
      });
    });
    co_await sleep(1ms);
    BOOST_TEST(one.waiter_count() == 1U);
    one.release();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"acquired"}));
    BOOST_TEST(one.locked());
    co_await sleep(2s);
    BOOST_TEST((said == journal{"acquired", "released", "refused"}));
    BOOST_TEST(one.available() == 1U);
    BOOST_CHECK_THROW(co_await ask<void>(one.actor(), 1s, "what"), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_permit_is_not_given_to_an_actor_that_died_while_it_waited) {
  stage s;
  auto main = [&]() -> task<void> {
    semaphore none(0);
    journal said;
    const auto dying = s.runtime.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
      self->request(none.actor(), caf::infinite, acquire_permit::value).then([] {
        BOOST_ERROR("was dead");
      });
      return {[](int) {}};
    });
    co_await sleep(1ms);
    auto living = spawn(take(none, &said, "living"));
    co_await sleep(1ms);
    BOOST_TEST(none.waiter_count() == 2U);
    caf::anon_send_exit(dying, caf::exit_reason::user_shutdown);
    co_await sleep(1ms);
    none.release();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"living"}));
    co_await living;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    between_workers_the_permits_balance_while_plain_actors_take_them_give_up_and_die) {
  runtime_options options;
  options.workers = 3;
  options.signals = signal_handling::none;
  auto main = []() -> task<void> {
    bounded_semaphore few(3);
    auto& system = runtime::current().system();
    auto dying = [&]() -> task<void> {
      for (int i = 0; i != 400; ++i) {
        const auto holder = system.spawn([few](caf::event_based_actor* self) -> caf::behavior {
          self->request(few.actor(), caf::infinite, acquire_permit::value).then([] {});
          return {[](int) {}};
        });
        if (i % 3 != 0) co_await yield();
        caf::anon_send_exit(holder,
                            i % 2 == 0 ? caf::exit_reason::kill : caf::exit_reason::user_shutdown);
      }
    };
    auto giving_up = [&]() -> task<void> {
      for (int i = 0; i != 400; ++i) {
        try {
          co_await ask<void>(few.actor(), 5us, acquire_permit::value);
          co_await yield();
          co_await ask<void>(few.actor(), infinite, release_permit::value);
        } catch (const timeout_error&) {
        }
        co_await yield();
      }
    };
    auto working = [&]() -> task<void> {
      for (int i = 0; i != 2000; ++i) {
        const auto guard = co_await few.hold();
        if (i % 4 == 0) co_await yield();
      }
    };
    co_await gather(dying(), dying(), giving_up(), giving_up(), working());
    while (few.available() != 3) co_await yield();
    BOOST_TEST(few.waiter_count() == 0U);
    BOOST_CHECK_THROW(few.release(), invalid_state);
  };
  run(main(), options);
}

BOOST_AUTO_TEST_CASE(a_semaphore_is_made_inside_of_a_runtime_only) {
  BOOST_CHECK_THROW(semaphore(1), invalid_state);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
