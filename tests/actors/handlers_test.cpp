// Coroutine handlers in CAF behaviors, of lean actors and of CAF's own.
#include <buskin/actors/handlers.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/instances.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::instance;
using buskin::test::journal;
using buskin::test::stage;

using quit_now = caf::atom_constant<caf::atom("quit")>;
using relay = caf::atom_constant<caf::atom("relay")>;
using note = caf::atom_constant<caf::atom("note")>;

/// The handlers of both kinds of actors.
template <class Self>
caf::behavior serving(Self* self, handling how, journal* log, int* alive) {
  return handlers(
      self, how,
      // Ends after as many seconds as it is given.
      [=](int seconds) -> task<int> {
        const instance held(*alive);
        log->push_back("begin " + std::to_string(seconds));
        co_await sleep(std::chrono::seconds(seconds));
        log->push_back("end " + std::to_string(seconds));
        co_return seconds * 10;
      },
      [=](std::string text) -> task<void> {
        co_await yield();
        if (text == "fail") throw std::out_of_range(text);
      },
      [=](relay, caf::actor other, int value) -> task<int> {
        co_return co_await ask<int>(other, infinite, value) + 1;
      },
      [=](note) { log->emplace_back("note"); }, [=](double x) { return x * 2; },
      [=](quit_now) { self->quit(); });
}

class lean final : public behavior_actor {
 public:
  lean(caf::actor_config& config, handling how, journal* log, int* alive)
      : behavior_actor(config), how_(how), log_(log), alive_(alive) {}

 protected:
  caf::behavior make_behavior() override { return serving(this, how_, log_, alive_); }

 private:
  handling how_;
  journal* log_;
  int* alive_;
};

/// Runs a test with both kinds of actors.
struct cast {
  stage s;
  journal log;
  int alive = 0;

  caf::actor make(bool is_lean, handling how) {
    if (is_lean) return spawn_actor<lean>(s.runtime.system(), how, &log, &alive);
    return s.runtime.system().spawn(
        [this, how](caf::event_based_actor* self) { return serving(self, how, &log, &alive); });
  }
};

template <class F>
void with_both(handling how, F body) {
  for (const bool is_lean : {true, false}) {
    cast c;
    {
      const auto actor = c.make(is_lean, how);
      auto main = [&]() -> task<void> {
        co_await body(c, actor);
        caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
      };
      c.s.run(main());
    }
    c.s.settle();
    BOOST_TEST(c.alive == 0);
  }
}

BOOST_AUTO_TEST_SUITE(handlers_)

BOOST_AUTO_TEST_CASE(the_result_of_the_coroutine_is_the_answer) {
  with_both(handling::interleaving, [](cast&, caf::actor actor) -> task<void> {
    BOOST_TEST(co_await ask<int>(actor, 10s, 2) == 20);
    co_await ask<void>(actor, 10s, "fine");
    BOOST_TEST(co_await ask<double>(actor, 10s, 1.5) == 3.0);
  });
}

BOOST_AUTO_TEST_CASE(an_exception_of_the_coroutine_is_the_answer_and_the_actor_lives_on) {
  with_both(handling::interleaving, [](cast&, caf::actor actor) -> task<void> {
    BOOST_CHECK_THROW(co_await ask<void>(actor, 10s, "fail"), std::out_of_range);
    BOOST_TEST(co_await ask<int>(actor, 10s, 1) == 10);
  });
}

BOOST_AUTO_TEST_CASE(interleaving_handlers_run_at_the_same_time) {
  with_both(handling::interleaving, [](cast& c, caf::actor actor) -> task<void> {
    auto asking = [actor](int seconds) -> task<int> {
      co_return co_await ask<int>(actor, 1min, seconds);
    };
    auto [three, one] = co_await gather(asking(3), asking(1));
    BOOST_TEST(three + one == 40);
    BOOST_TEST(c.log == (journal{"begin 3", "begin 1", "end 1", "end 3"}),
               boost::test_tools::per_element());
    BOOST_CHECK(c.s.clock.elapsed() == 3s);
  });
}

BOOST_AUTO_TEST_CASE(exclusive_handlers_run_one_after_the_other_in_order_of_arrival) {
  with_both(handling::exclusive, [](cast& c, caf::actor actor) -> task<void> {
    auto asking = [actor](int seconds) -> task<int> {
      co_return co_await ask<int>(actor, 1min, seconds);
    };
    auto noting = [actor]() -> task<void> { co_await ask<void>(actor, 1min, note::value); };
    auto [three, nothing, one] = co_await gather(asking(3), noting(), asking(1));
    (void)nothing;
    BOOST_TEST(three + one == 40);
    BOOST_TEST(c.log == (journal{"begin 3", "end 3", "note", "begin 1", "end 1"}),
               boost::test_tools::per_element());
    BOOST_CHECK(c.s.clock.elapsed() == 4s);
  });
}

BOOST_AUTO_TEST_CASE(a_handler_may_ask_others_and_even_itself) {
  with_both(handling::interleaving, [](cast&, caf::actor actor) -> task<void> {
    BOOST_TEST(co_await ask<int>(actor, 1min, relay::value, actor, 2) == 21);
  });
}

BOOST_AUTO_TEST_CASE(
    when_the_actor_ends_every_pending_answer_is_a_broken_promise_and_the_frames_are_gone) {  // covers
                                                                                             // LNK-028
  for (const auto how : {handling::interleaving, handling::exclusive})
    with_both(how, [how](cast& c, caf::actor actor) -> task<void> {
      auto asking = [actor](int seconds) -> task<int> {
        co_return co_await ask<int>(actor, 1min, seconds);
      };
      auto one = spawn(asking(5));
      auto two = spawn(asking(6));  // waits for its turn when handlers are exclusive
      co_await sleep(1s);
      BOOST_TEST(c.alive == (how == handling::exclusive ? 1 : 2));
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
      BOOST_CHECK_THROW(co_await one, broken_promise);
      BOOST_CHECK_THROW(co_await two, broken_promise);
      BOOST_TEST(c.alive == 0);
    });
}

BOOST_AUTO_TEST_CASE(a_killed_actor_breaks_its_promises_too) {
  with_both(handling::interleaving, [](cast& c, caf::actor actor) -> task<void> {
    auto asking = [actor](int seconds) -> task<int> {
      co_return co_await ask<int>(actor, 1min, seconds);
    };
    auto one = spawn(asking(5));
    co_await sleep(1s);
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    BOOST_CHECK_THROW(co_await one, broken_promise);
    BOOST_TEST(c.alive == 0);
  });
}

BOOST_AUTO_TEST_CASE(a_handler_may_end_its_actor) {
  with_both(handling::interleaving, [](cast&, caf::actor actor) -> task<void> {
    auto watch = monitor(actor);
    send(actor, quit_now::value);
    BOOST_TEST(!co_await watch);
  });
}

BOOST_AUTO_TEST_CASE(a_message_without_an_asker_starts_a_coroutine_as_well) {
  with_both(handling::interleaving, [](cast& c, caf::actor actor) -> task<void> {
    caf::anon_send(actor, 1);
    co_await sleep(2s);
    BOOST_TEST(c.log == (journal{"begin 1", "end 1"}), boost::test_tools::per_element());
  });
}

BOOST_AUTO_TEST_CASE(thousands_of_handlers_may_be_suspended_at_once) {
  with_both(handling::interleaving, [](cast& c, caf::actor actor) -> task<void> {
    auto asking = [actor](int seconds) -> task<int> {
      co_return co_await ask<int>(actor, 1h, seconds);
    };
    std::vector<task<int>> all;
    for (int i = 0; i != 2000; ++i) all.push_back(asking(i % 7 + 1));
    const auto answers = co_await gather(std::move(all));
    BOOST_TEST(answers.size() == 2000U);
    BOOST_TEST(c.alive == 0);
  });
}

BOOST_AUTO_TEST_CASE(a_request_of_a_caf_actor_to_a_coroutine_handler_is_answered) {
  with_both(handling::interleaving, [](cast& c, caf::actor actor) -> task<void> {
    int answer = 0;
    c.s.runtime.system().spawn([&answer, actor](caf::event_based_actor* self) {
      self->request(actor, caf::infinite, 3).then([&answer](int x) { answer = x; });
    });
    co_await sleep(4s);
    BOOST_TEST(answer == 30);
  });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(behavior_actor_)

class counting final : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return {[this](int x) {
              sum_ += x;
              return sum_;
            },
            [this](note) { become({[](int) { return -1; }}); },
            [](const std::string& text) { throw std::out_of_range(text); },
            [](double) -> caf::result<int> {
              return caf::make_error(caf::sec::runtime_error, "no fractions");
            }};
  }

 private:
  int sum_ = 0;
};

class empty final : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override { return {}; }
};

BOOST_AUTO_TEST_CASE(handlers_answer_by_what_they_return_and_can_be_replaced) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<counting>(s.runtime.system());
    BOOST_TEST(co_await ask<int>(actor, 1s, 2) == 2);
    BOOST_TEST(co_await ask<int>(actor, 1s, 3) == 5);
    BOOST_CHECK_THROW(co_await ask<int>(actor, 1s, 1.5), request_failed);
    co_await ask<void>(actor, 1s, note::value);
    BOOST_TEST(co_await ask<int>(actor, 1s, 3) == -1);
    BOOST_CHECK_THROW(co_await ask<int>(actor, 1s, note::value), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_plain_handler_that_throws_ends_the_actor_and_answers) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<counting>(s.runtime.system());
    auto watch = monitor(actor);
    BOOST_CHECK_THROW(co_await ask<int>(actor, 1s, "gone"), std::out_of_range);
    BOOST_TEST(describe(co_await watch) == "gone");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_empty_behavior_ends_the_actor) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<empty>(s.runtime.system());
    BOOST_TEST(!co_await monitor(actor));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(it_can_be_spawned_by_cafs_own_spawn) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = caf::actor_cast<caf::actor>(s.runtime.system().spawn<counting>());
    BOOST_TEST(co_await ask<int>(actor, 1s, 2) == 2);
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    co_await monitor(actor);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
