// Names of actors.
#include <buskin/actors/registry.hpp>

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/actors/task_group.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;

task<void> sleeper(duration length) { co_await sleep(length); }

/// The task that runs here. Not inline: in a coroutine that moves between threads the compiler may
/// keep the address of a thread's variable over a suspension.
[[gnu::noinline]] caf::actor myself() {
  return caf::actor_cast<caf::actor>(caf::strong_actor_ptr(detail::here.actor->ctrl()));
}

BOOST_AUTO_TEST_SUITE(registry_)

BOOST_AUTO_TEST_CASE(a_name_leads_to_its_actor_until_it_is_taken_away) {
  stage s;
  auto main = [&]() -> task<void> {
    const registry names;
    auto work = spawn(sleeper(1h), {"work"});
    BOOST_TEST(!names.whereis("gps"));
    names.register_name("gps", work.actor());
    names.register_name("also gps", work.actor());
    BOOST_TEST((registry().whereis("gps") == work.actor()));
    BOOST_TEST(names.registered() == (journal{"also gps", "gps"}),
               boost::test_tools::per_element());
    BOOST_TEST(names.unregister_name("gps"));
    BOOST_TEST(!names.unregister_name("gps"));
    BOOST_TEST(!names.whereis("gps"));
    BOOST_TEST((names.whereis("also gps") == work.actor()));
    work.cancel();
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_name_that_is_taken_is_refused_and_the_error_says_by_whom) {
  stage s;
  auto main = [&]() -> task<void> {
    const registry names;
    auto one = spawn(sleeper(1h), {"one"});
    auto two = spawn(sleeper(1h), {"two"});
    names.register_name("x", one.actor());
    BOOST_CHECK_EXCEPTION(
        names.register_name("x", two.actor()), name_taken, [&](const name_taken& e) {
          return e.holder() == one.actor() && e.name() == "x" &&
                 std::string(e.what()).find("task \"one\" (") != std::string::npos;
        });
    BOOST_CHECK_THROW(names.register_name("x", one.actor()), name_taken);
    BOOST_CHECK_THROW(names.register_name("", one.actor()), std::invalid_argument);
    BOOST_CHECK_THROW(names.register_name("y", caf::actor()), invalid_state);
    one.cancel();
    two.cancel();
    co_await monitor(one.actor());
    BOOST_CHECK_THROW(names.register_name("y", one.actor()), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_name_is_free_before_anybody_is_told_of_the_end) {  // covers LNK-011
  stage s;
  auto main = [&]() -> task<void> {
    const registry names;
    for (const bool named_first : {true, false}) {
      auto work = spawn(sleeper(1s));
      auto next = spawn(sleeper(1h));
      monitor_handle end;
      if (!named_first) end = monitor(work.actor());
      names.register_name("x", work.actor());
      if (named_first) end = monitor(work.actor());
      co_await end;
      BOOST_TEST(!names.whereis("x"));
      names.register_name("x", next.actor());
      BOOST_TEST((names.whereis("x") == next.actor()));
      names.unregister_name("x");
      next.cancel();
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_later_holder_of_a_name_does_not_lose_it_by_the_end_of_an_earlier_one) {
  stage s;
  auto main = [&]() -> task<void> {
    const registry names;
    auto one = spawn(sleeper(1s));
    auto two = spawn(sleeper(1h));
    names.register_name("x", one.actor());
    names.unregister_name("x");
    names.register_name("x", two.actor());
    co_await one;
    BOOST_TEST((names.whereis("x") == two.actor()));
    two.cancel();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(one_can_wait_for_a_name_to_appear) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    const registry names;
    auto waiting = [&](std::string who) -> task<void> {
      const auto found = co_await registry().await_name("gps");
      BOOST_TEST((found == names.whereis("gps")));
      log.push_back(who);
    };
    auto one = spawn(waiting("one"));
    auto gone = spawn(waiting("gone"));
    auto two = spawn(waiting("two"));
    co_await sleep(1s);
    gone.cancel();
    BOOST_CHECK_THROW(co_await names.await_name("gps", 1s), timeout_error);
    auto work = spawn(sleeper(1h));
    names.register_name("gps", work.actor());
    co_await one;
    co_await two;
    BOOST_TEST((co_await names.await_name("gps", 1s) == work.actor()));
    work.cancel();
  };
  s.run(main());
  BOOST_TEST(log == (journal{"one", "two"}), boost::test_tools::per_element());
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

BOOST_AUTO_TEST_CASE(brokers_have_names_too_and_live_as_long_as_the_name) {
  stage s;
  auto main = [&]() -> task<void> {
    caf::actor_addr seen;
    {
      const queue<int> items(1);
      registry().register_name("items", items.actor());
      seen = caf::actor_cast<caf::actor_addr>(items.actor());
    }
    BOOST_TEST(static_cast<bool>(caf::actor_cast<caf::actor>(seen)));
    registry().unregister_name("items");
    BOOST_TEST(!caf::actor_cast<caf::actor>(seen));
    const queue<int> last(1);
    registry().register_name("last", last.actor());  // let go at the end of the runtime
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(each_runtime_has_names_of_its_own) {
  stage one;
  stage two;
  auto main = [](bool first) -> task<void> {
    auto work = spawn(sleeper(1h));
    BOOST_TEST(!registry().whereis("x"));
    if (first) registry().register_name("x", work.actor());
    co_return;
  };
  one.run(main(true));
  two.run(main(false));
  BOOST_TEST(static_cast<bool>(registry(one.runtime.system()).whereis("x")));
  BOOST_CHECK_THROW(registry(), invalid_state);
}

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_registers_and_looks_up_by_messages) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    const auto names = registry().actor();
    const auto client = s.runtime.system().spawn([&](caf::event_based_actor* self) {
      const caf::actor me(self);
      const auto failed = [&](caf::error& e) { log.push_back(describe(e)); };
      self->request(names, caf::infinite, await_name_atom::value, std::string("me"))
          .then([&, me](const caf::actor& who) {
            log.emplace_back(who == me ? "appeared" : "somebody else");
          });
      self->request(names, caf::infinite, register_name_atom::value, std::string("me"), me)
          .then([&] { log.emplace_back("registered"); });
      self->request(names, caf::infinite, register_name_atom::value, std::string("me"), me)
          .then([&] { log.emplace_back("registered twice"); }, failed);
      self->request(names, caf::infinite, whereis_atom::value, std::string("me"))
          .then([&, me](const caf::actor& who) {
            log.emplace_back(who == me ? "found" : "somebody else");
          });
      self->request(names, caf::infinite, registered_atom::value)
          .then([&](const std::vector<std::string>& all) { log.push_back(all.at(0)); });
      self->request(names, caf::infinite, unregister_name_atom::value, std::string("me"))
          .then([&](bool was) { log.emplace_back(was ? "removed" : "nobody"); });
      return caf::behavior{[](int) {}};
    });
    co_await sleep(1s);
    caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
  };
  s.run(main());
  BOOST_REQUIRE(log.size() == 6U);
  BOOST_TEST(log[0] == "appeared");
  BOOST_TEST(log[1] == "registered");
  BOOST_TEST(log[2].find("is taken by") != std::string::npos);
  BOOST_TEST(log[3] == "found");
  BOOST_TEST(log[4] == "me");
  BOOST_TEST(log[5] == "removed");
}

BOOST_AUTO_TEST_CASE(several_workers_fight_for_names_and_each_has_one_holder) {
  runtime_options options;
  options.workers = 4;
  options.signals = signal_handling::none;
  runtime r(options);
  std::atomic<int> won{0};
  auto fighter = [&]() -> task<void> {
    for (int round = 0; round != 300; ++round) {
      const std::string name = "n" + std::to_string(round % 7);
      const auto self = myself();
      bool mine = true;
      try {
        registry().register_name(name, self);
      } catch (const name_taken&) {
        mine = false;
      }
      co_await yield();
      if (!mine) continue;
      ++won;
      BOOST_REQUIRE((registry().whereis(name) == self));
      co_await yield();
      BOOST_REQUIRE(registry().unregister_name(name));
    }
  };
  auto main = [&]() -> task<void> {
    co_await task_group().run([&](task_group& group) -> task<void> {
      for (int i = 0; i != 8; ++i) group.spawn(fighter());
      co_return;
    });
    BOOST_TEST(registry().registered().empty());
  };
  r.run(main());
  BOOST_TEST(won >= 300);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
