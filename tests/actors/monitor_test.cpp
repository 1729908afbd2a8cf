// Ends of actors: monitors, links, exit signals.
#include <buskin/actors/monitor.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/handlers.hpp>
#include <buskin/actors/send.hpp>
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

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;

using tie = caf::atom_constant<caf::atom("tie")>;
using stop = caf::atom_constant<caf::atom("stop")>;
using crash = caf::atom_constant<caf::atom("crash")>;

/// Links to whom it is told, ends or fails when it is told.
class member final : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return {[](tie, const caf::actor& other) { link(other); }, [this](stop) { quit(); },
            [this](stop, const std::string& text) {
              quit(make_error(failure::exception, {"", text, nullptr}));
            },
            [](crash) { throw std::out_of_range("crashed"); }, [](int x) { return x; }};
  }
};

caf::behavior trapping(caf::event_based_actor* self, std::vector<std::string>* log) {
  self->set_exit_handler([log](caf::exit_msg& msg) { log->push_back(describe(msg.reason)); });
  return {[self](tie, const caf::actor& other) { self->link_to(other); }, [](int x) { return x; }};
}

task<void> sleeper(duration length) { co_await sleep(length); }
task<void> failing() {
  co_await sleep(1s);
  throw std::out_of_range("failed");
}

BOOST_AUTO_TEST_SUITE(monitor_)

BOOST_AUTO_TEST_CASE(the_end_is_told_once_with_its_reason_normal_or_not) {  // covers LNK-001
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<member>(s.runtime.system());
    auto watch = monitor(actor);
    BOOST_TEST(!watch.ended());
    send(actor, stop::value);
    BOOST_TEST(!co_await watch);
    BOOST_TEST(watch.ended());
    BOOST_TEST(!co_await watch);  // repeatable: still the same end

    auto work = spawn(failing());
    auto other = monitor(work.actor());
    const auto reason = co_await other;
    BOOST_TEST(is(reason, failure::exception));
    BOOST_TEST(describe(reason) == "failed");
    BOOST_CHECK_THROW(co_await work, std::out_of_range);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(one_that_is_dead_already_is_told_at_once_with_its_reason) {  // covers LNK-002
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<member>(s.runtime.system());
    send(actor, stop::value, "long ago");
    co_await sleep(1s);
    auto watch = monitor(actor);
    BOOST_TEST(watch.ended());
    BOOST_TEST(describe(co_await watch) == "long ago");
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 1s);
}

BOOST_AUTO_TEST_CASE(cancel_says_whether_the_end_was_still_prevented) {  // covers LNK-008
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<member>(s.runtime.system());
    auto early = monitor(actor);
    auto late = monitor(actor);
    BOOST_TEST(early.cancel());
    BOOST_TEST(!early.cancel());
    BOOST_CHECK_THROW((void)early.down(), invalid_state);
    send(actor, stop::value);
    co_await sleep(1ms);
    BOOST_TEST(late.ended());
    BOOST_TEST(!late.cancel());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(each_monitor_is_independent_of_the_others) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<member>(s.runtime.system());
    for (int i = 0; i != 1000; ++i) auto passing = monitor(actor);
    auto one = monitor(actor);
    auto two = monitor(actor);
    one = monitor(actor);
    two.cancel();
    send(actor, stop::value);
    co_await one;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_wait_leaves_the_monitor) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<member>(s.runtime.system());
    auto watch = monitor(actor);
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return watch.down(); }), timeout_error);
    send(actor, stop::value, "now");
    BOOST_TEST(describe(co_await watch) == "now");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(watcher_and_watched_may_kill_each_other) {  // covers LNK-009
  stage s;
  auto main = [&]() -> task<void> {
    task_handle<void> one;
    task_handle<void> two;
    auto body = [](task_handle<void>& other) -> task<void> {
      auto watch = monitor(other.actor());
      co_await sleep(1s);
      caf::anon_send_exit(other.actor(), caf::exit_reason::kill);
      co_await watch;
    };
    one = spawn(body(two));
    two = spawn(body(one));
    co_await sleep(2s);
    BOOST_TEST(one.done());
    BOOST_TEST(two.done());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(long_reasons_arrive_complete) {  // covers LNK-012
  stage s;
  auto main = [&]() -> task<void> {
    const std::string text(100'000, 'x');
    const auto actor = spawn_actor<member>(s.runtime.system());
    auto watch = monitor(actor);
    send(actor, stop::value, text);
    BOOST_TEST((describe(co_await watch) == text));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    killing_a_busy_actor_takes_effect_when_its_handler_returns) {  // covers LNK-026
  stage s;
  bool finished = false;
  auto main = [&]() -> task<void> {
    const auto actor = s.runtime.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
      return {[&, self](int) {
        caf::anon_send_exit(self, caf::exit_reason::kill);
        finished = true;
      }};
    });
    auto watch = monitor(actor);
    send(actor, 1);
    const auto reason = co_await watch;
    BOOST_TEST(finished);
    BOOST_TEST((reason == caf::exit_reason::kill));
  };
  s.run(main());
}

/// How many hold on to an actor.
std::size_t holders(const caf::actor& whom) {
  return caf::actor_cast<caf::strong_actor_ptr>(whom).get()->strong_refs.load() - 1;
}

BOOST_AUTO_TEST_CASE(after_a_monitor_nothing_is_left_on_either_side) {  // covers LNK-010
  stage s;
  auto main = [&]() -> task<void> {
    const auto target = spawn_actor<member>(s.runtime.system());
    const auto me = caf::actor_cast<caf::actor>(caf::strong_actor_ptr(detail::here.actor->ctrl()));
    const auto before = holders(me);
    {
      std::vector<monitor_handle> watches;
      for (int i = 0; i != 10; ++i) watches.push_back(monitor(target));
      BOOST_TEST(holders(me) >= before + 10);
      watches[3].cancel();
      BOOST_TEST(!watches[4].ended());
    }
    BOOST_TEST(holders(me) == before);  // cancelled, one by one
    auto watching = [](caf::actor whom) -> task<void> { co_await monitor(whom); };
    caf::actor_addr watcher;
    {
      auto work = spawn(watching(target));
      co_await sleep(1ms);
      watcher = caf::actor_cast<caf::actor_addr>(work.actor());
      work.cancel();
      co_await monitor(work.actor());
    }
    co_await sleep(1ms);
    BOOST_TEST(!caf::actor_cast<caf::actor>(watcher));  // the target does not keep it
    {
      auto last = monitor(target);
      send(target, stop::value);
      co_await last;
    }
    BOOST_TEST(holders(me) == before);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(link_)

BOOST_AUTO_TEST_CASE(an_abnormal_end_goes_through_a_chain_with_its_reason) {  // covers LNK-014
  stage s;
  auto main = [&]() -> task<void> {
    std::vector<caf::actor> chain;
    for (int i = 0; i != 4; ++i) chain.push_back(spawn_actor<member>(s.runtime.system()));
    for (std::size_t i = 0; i + 1 != chain.size(); ++i) send(chain[i], tie::value, chain[i + 1]);
    auto watch = monitor(chain.back());
    co_await sleep(1ms);
    send(chain.front(), stop::value, "domino");
    BOOST_TEST(describe(co_await watch) == "domino");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_linked_task_is_cancelled_and_ends_with_the_same_reason) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<member>(s.runtime.system());
    auto body = [&]() -> task<void> {
      link(actor);
      co_await sleep(1h);
    };
    auto work = spawn(body());
    auto watch = monitor(work.actor());
    co_await sleep(1ms);
    send(actor, stop::value, "domino");
    BOOST_TEST(describe(co_await watch) == "domino");
    BOOST_TEST(work.cancelled());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_end_of_a_failed_task_reaches_the_actor_it_is_linked_to) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<member>(s.runtime.system());
    auto body = [&]() -> task<void> {
      link(actor);
      co_await failing();
    };
    auto work = spawn(body());
    auto watch = monitor(actor);
    BOOST_TEST(describe(co_await watch) == "failed");
    BOOST_CHECK_THROW(co_await work, std::out_of_range);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_normal_end_is_not_passed_on) {  // covers LNK-015
  stage s;
  auto main = [&]() -> task<void> {
    const auto one = spawn_actor<member>(s.runtime.system());
    const auto two = spawn_actor<member>(s.runtime.system());
    send(one, tie::value, two);
    co_await sleep(1ms);
    send(one, stop::value);
    co_await sleep(1ms);
    BOOST_TEST(co_await ask<int>(two, 1s, 5) == 5);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_unlinked_actor_is_not_told) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<member>(s.runtime.system());
    link(actor);
    unlink(actor);
    send(actor, stop::value, "nobody's business");
    co_await sleep(1s);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_actor_that_traps_exits_gets_a_message_and_goes_on) {  // covers LNK-016
  stage s;
  std::vector<std::string> log;
  auto main = [&]() -> task<void> {
    const auto trap = s.runtime.system().spawn(trapping, &log);
    const auto actor = spawn_actor<member>(s.runtime.system());
    send(trap, tie::value, actor);
    co_await sleep(1ms);
    send(actor, stop::value, "oh");
    co_await sleep(1ms);
    BOOST_TEST(co_await ask<int>(trap, 1s, 3) == 3);
    caf::anon_send_exit(trap, caf::exit_reason::kill);
  };
  s.run(main());
  BOOST_TEST(log == (std::vector<std::string>{"oh"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(linking_to_a_dead_actor_delivers_its_reason_at_once) {  // covers LNK-023
  stage s;
  auto main = [&]() -> task<void> {
    const auto dead = spawn_actor<member>(s.runtime.system());
    const auto other = spawn_actor<member>(s.runtime.system());
    send(dead, stop::value, "gone");
    co_await sleep(1ms);
    auto watch = monitor(other);
    send(other, tie::value, dead);
    BOOST_TEST(describe(co_await watch) == "gone");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(kill_ends_an_actor_that_traps_exits) {  // covers LNK-024
  stage s;
  std::vector<std::string> log;
  auto main = [&]() -> task<void> {
    const auto trap = s.runtime.system().spawn(trapping, &log);
    auto watch = monitor(trap);
    caf::anon_send_exit(trap, caf::exit_reason::kill);
    BOOST_TEST((co_await watch == caf::exit_reason::kill));
  };
  s.run(main());
  BOOST_TEST(log.empty());
}

BOOST_AUTO_TEST_CASE(of_two_exit_signals_the_first_ones_reason_counts) {  // covers LNK-020
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<member>(s.runtime.system());
    auto watch = monitor(actor);
    caf::anon_send_exit(actor, caf::exit_reason::remote_link_unreachable);
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    BOOST_TEST((co_await watch == caf::exit_reason::remote_link_unreachable));
    auto work = spawn(sleeper(1h));
    auto other = monitor(work.actor());
    co_await sleep(1ms);
    caf::anon_send_exit(work.actor(), caf::exit_reason::remote_link_unreachable);
    caf::anon_send_exit(work.actor(), caf::exit_reason::user_shutdown);
    BOOST_TEST((co_await other == caf::exit_reason::remote_link_unreachable));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(requests_to_an_actor_that_dies_fail_promptly) {  // covers LNK-027
  stage s;
  auto main = [&]() -> task<void> {
    auto quiet = spawn(sleeper(1s));  // never receives
    BOOST_CHECK_THROW(co_await ask<int>(quiet.actor(), infinite, 1), request_failed);
    const auto actor = spawn_actor<member>(s.runtime.system());
    BOOST_CHECK_THROW(co_await ask<int>(actor, infinite, crash::value), std::out_of_range);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 1s);
}

BOOST_AUTO_TEST_CASE(an_actor_ends_itself_with_the_reason_it_gives_normal_included) {
  // covers LNK-018
  stage s;
  auto main = [&]() -> task<void> {
    const auto one = spawn_actor<member>(s.runtime.system());
    auto watch = monitor(one);
    send(one, stop::value);
    BOOST_TEST(!co_await watch);
    const auto two = spawn_actor<member>(s.runtime.system());
    auto other = monitor(two);
    send(two, stop::value, "enough");
    BOOST_TEST(describe(co_await other) == "enough");
    // By a signal to itself: any reason but a normal one, which only a linked actor's end has.
    const auto three = s.runtime.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
      return {[self](int) { self->send_exit(self, caf::exit_reason::remote_link_unreachable); }};
    });
    auto last = monitor(three);
    send(three, 1);
    BOOST_TEST((co_await last == caf::exit_reason::remote_link_unreachable));
  };
  s.run(main());
}

/// Has a handler that catches everything while it waits.
class catcher final : public behavior_actor {
 public:
  catcher(caf::actor_config& config, int* alive, bool* caught)
      : behavior_actor(config), alive_(alive), caught_(caught) {}

 protected:
  caf::behavior make_behavior() override {
    return handlers(this, [this](int x) -> task<int> {
      const buskin::test::instance held(*alive_);
      try {
        co_await sleep(1h);
      } catch (...) {
        *caught_ = true;
      }
      co_return x;
    });
  }

 private:
  int* alive_;
  bool* caught_;
};

BOOST_AUTO_TEST_CASE(
    an_exit_signal_is_not_caught_inside_a_handler_whose_frame_is_destroyed_and_answered) {
  // covers LNK-019, LNK-028
  for (const auto reason : {caf::exit_reason::user_shutdown, caf::exit_reason::kill}) {
    stage s;
    int alive = 0;
    bool caught = false;
    auto main = [&]() -> task<void> {
      const auto actor = spawn_actor<catcher>(s.runtime.system(), &alive, &caught);
      auto asking = [](caf::actor whom) -> task<int> {
        co_return co_await ask<int>(whom, infinite, 5);
      };
      auto asker = spawn(asking(actor));
      co_await sleep(1s);
      BOOST_TEST(alive == 1);
      auto watch = monitor(actor);
      caf::anon_send_exit(actor, reason);
      BOOST_TEST((co_await watch == reason));
      BOOST_TEST(alive == 0);
      BOOST_TEST(!caught);
      BOOST_CHECK_THROW(co_await asker, broken_promise);
    };
    s.run(main());
    BOOST_CHECK(s.clock.elapsed() == 1s);
  }
}

BOOST_AUTO_TEST_CASE(a_task_that_swallows_requests_to_end_is_ended_by_a_kill) {
  stage s;
  int alive = 0;
  auto body = [&]() -> task<void> {
    const buskin::test::instance held(alive);
    for (;;) try {
        co_await sleep(1h);
      } catch (...) {
      }
  };
  auto main = [&]() -> task<void> {
    auto work = spawn(body());
    auto watch = monitor(work.actor());
    co_await sleep(1ms);
    caf::anon_send_exit(work.actor(), caf::exit_reason::user_shutdown);
    co_await sleep(1ms);
    BOOST_TEST(!work.done());
    caf::anon_send_exit(work.actor(), caf::exit_reason::kill);
    BOOST_TEST((co_await watch == caf::exit_reason::kill));
    BOOST_TEST(alive == 0);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
