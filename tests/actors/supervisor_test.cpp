// Supervision: restarts, limits, back-off, and the order of an ending.
#include <buskin/actors/supervisor.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;
using kind = supervisor_event::kind;
using state = child_status::state;

supervisor_options tolerant() {
  supervisor_options options;
  options.intensity = supervisor_options::unlimited;
  return options;
}

task<void> living() { co_await sleep(100000h); }
task<void> ending(duration lifetime) { co_await sleep(lifetime); }
task<void> failing(duration lifetime) {
  co_await sleep(lifetime);
  throw std::runtime_error("broken");
}
/// Does not end when it is asked to.
task<void> stubborn() {
  for (;;) {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
    }
  }
}
/// Takes its time to end when it is asked to.
task<void> tidy(duration cleanup, journal* log, std::string name) {
  std::exception_ptr interrupted;
  try {
    co_await sleep(100000h);
  } catch (const cancelled&) {
    interrupted = std::current_exception();
  }
  co_await sleep(cleanup);
  log->push_back(name);
  std::rethrow_exception(interrupted);
}

child_spec child(std::string id, std::function<task<void>()> start,
                 restart_type restart = restart_type::permanent) {
  child_spec spec;
  spec.id = std::move(id);
  spec.start = std::move(start);
  spec.restart = restart;
  return spec;
}

/// The events so far as "what child".
journal told(subscription<supervisor_event>& from) {
  journal log;
  try {
    while (auto event = from.next_nowait())
      log.push_back(std::string(to_string(event->value.what)) + " " + event->value.child);
  } catch (const queue_shutdown&) {
  }
  return log;
}

child_status status_of(const supervisor& s, const std::string& id) {
  for (auto& each : s.children())
    if (each.id == id) return each;
  return {};
}

BOOST_AUTO_TEST_SUITE(supervisor_)

BOOST_AUTO_TEST_CASE(it_starts_its_children_in_order_and_ends_them_in_reverse) {  // covers SUP-001
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    std::vector<child_spec> specs;
    for (const char* name : {"a", "b", "c"})
      specs.push_back(child(name, [&log, name] { return tidy(1s, &log, name); }));
    supervisor sup(specs);
    auto events = sup.events();
    auto watch = monitor(sup.actor());
    co_await sleep(1s);
    BOOST_TEST(told(events) == (journal{"started a", "started b", "started c"}),
               boost::test_tools::per_element());
    BOOST_TEST(sup.children().size() == 3U);
    BOOST_CHECK(sup.children()[1].now == state::running);
    sup.stop();
    BOOST_TEST(!co_await watch);
    BOOST_TEST(sup.ended());
    BOOST_TEST(told(events) == (journal{"ended c", "ended b", "ended a"}),
               boost::test_tools::per_element());
  };
  s.run(main());
  BOOST_TEST(log == (journal{"c", "b", "a"}), boost::test_tools::per_element());
  BOOST_CHECK(s.clock.elapsed() == 4s);  // one after the other
}

BOOST_AUTO_TEST_CASE(
    wrong_specifications_are_refused_with_the_child_and_the_reason) {  // covers SUP-006, SUP-011
  stage s;
  auto main = []() -> task<void> {
    const auto refusal = [](std::vector<child_spec> specs) -> std::string {
      try {
        supervisor sup(std::move(specs));
      } catch (const std::invalid_argument& e) {
        return e.what();
      }
      return "accepted";
    };
    BOOST_TEST(refusal({child("", living)}).find("has no id") != std::string::npos);
    BOOST_TEST(refusal({child("x", nullptr)}).find("\"x\" has nothing to start") !=
               std::string::npos);
    BOOST_TEST(refusal({child("x", living), child("x", living)}).find("exists already") !=
               std::string::npos);
    auto both = child("x", living);
    both.start_actor = [] { return caf::actor(); };
    BOOST_TEST(refusal({both}).find("has both") != std::string::npos);
    auto negative = child("x", living);
    negative.shutdown = child_shutdown::within(-1s);
    BOOST_TEST(refusal({negative}).find("negative shutdown") != std::string::npos);
    auto wild = child("x", living);
    wild.backoff.jitter = 2;
    BOOST_TEST(refusal({wild}).find("jitter") != std::string::npos);
    supervisor sup({child("x", living)});
    BOOST_CHECK_THROW(sup.start_child(child("x", living)), std::invalid_argument);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_defaults_of_a_child_are_erlangs) {
  const child_spec spec;
  BOOST_CHECK(spec.restart == restart_type::permanent);
  BOOST_CHECK(spec.shutdown.limit() == 5s);
  const supervisor_options options;
  BOOST_TEST(options.intensity == 1U);
  BOOST_CHECK(options.period == 5s);
}

// -- restart types
// ----------------------------------------------------------------------------------

/// How often a child of the given type was restarted after an end of the given kind.
unsigned restarts(restart_type type, std::function<task<void>()> body) {
  stage s;
  unsigned count = 9;
  auto main = [&]() -> task<void> {
    supervisor sup({child("x", body, type)}, tolerant());
    co_await sleep(1500ms);
    count = status_of(sup, "x").restarts;
    const auto expected = count == 0 ? state::stopped : state::running;
    BOOST_CHECK(status_of(sup, "x").now == expected);
  };
  s.run(main());
  return count;
}

BOOST_AUTO_TEST_CASE(a_permanent_child_is_restarted_after_every_end) {  // covers SUP-028, SUP-030
  BOOST_TEST(restarts(restart_type::permanent, [] { return ending(1s); }) == 1U);
  BOOST_TEST(restarts(restart_type::permanent, [] { return failing(1s); }) == 1U);
}

BOOST_AUTO_TEST_CASE(
    a_transient_child_is_restarted_only_after_a_failure) {  // covers SUP-031, SUP-033
  BOOST_TEST(restarts(restart_type::transient, [] { return ending(1s); }) == 0U);
  BOOST_TEST(restarts(restart_type::transient, [] { return failing(1s); }) == 1U);
}

BOOST_AUTO_TEST_CASE(a_temporary_child_is_never_restarted) {
  BOOST_TEST(restarts(restart_type::temporary, [] { return ending(1s); }) == 0U);
  BOOST_TEST(restarts(restart_type::temporary, [] { return failing(1s); }) == 0U);
}

BOOST_AUTO_TEST_CASE(being_asked_to_shut_down_by_somebody_is_no_failure) {  // covers SUP-029
  stage s;
  auto main = []() -> task<void> {
    supervisor sup(
        {child("permanent", living), child("transient", living, restart_type::transient)},
        tolerant());
    co_await sleep(1ms);
    for (const char* id : {"permanent", "transient"})
      caf::anon_send_exit(status_of(sup, id).actor, caf::exit_reason::user_shutdown);
    co_await sleep(1ms);
    BOOST_TEST(status_of(sup, "permanent").restarts == 1U);
    BOOST_TEST(status_of(sup, "transient").restarts == 0U);
    BOOST_CHECK(status_of(sup, "transient").now == state::stopped);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_restarted_child_is_a_new_actor) {
  stage s;
  auto main = []() -> task<void> {
    supervisor sup({child("x", [] { return ending(1s); })}, tolerant());
    co_await sleep(1ms);
    const auto first = status_of(sup, "x").actor;
    co_await sleep(1s);
    BOOST_TEST((status_of(sup, "x").actor != first));
    BOOST_TEST(static_cast<bool>(status_of(sup, "x").actor));
  };
  s.run(main());
}

class echo final : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return {[](int x) { return x; },
            [](const std::string& text) { throw std::runtime_error(text); }};
  }
};

BOOST_AUTO_TEST_CASE(other_actors_are_supervised_as_well) {
  stage s;
  auto main = [&]() -> task<void> {
    child_spec lean;
    lean.id = "lean";
    lean.start_actor = [&] { return spawn_actor<echo>(s.runtime.system()); };
    child_spec plain;
    plain.id = "plain";
    plain.start_actor = [&] {
      return s.runtime.system().spawn([](caf::event_based_actor*) -> caf::behavior {
        return {[](int x) { return x; },
                [](const std::string& text) { throw std::runtime_error(text); }};
      });
    };
    supervisor sup({lean, plain}, tolerant());
    co_await sleep(1ms);
    for (const char* id : {"lean", "plain"}) {
      send(status_of(sup, id).actor, "die");
      co_await sleep(1ms);
      BOOST_TEST(status_of(sup, id).restarts == 1U);
      BOOST_TEST(co_await ask<int>(status_of(sup, id).actor, 1s, 5) == 5);
    }
    sup.stop();
    co_await monitor(sup.actor());
  };
  s.run(main());
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_CASE(
    a_child_that_is_killed_is_restarted_and_the_supervisor_survives) {  // covers LNK-025
  stage s;
  auto main = []() -> task<void> {
    supervisor sup({child("x", living, restart_type::transient)}, tolerant());
    for (unsigned i = 1; i != 4; ++i) {
      co_await sleep(1ms);
      caf::anon_send_exit(status_of(sup, "x").actor, caf::exit_reason::kill);
      co_await sleep(1ms);
      BOOST_TEST(status_of(sup, "x").restarts == i);
    }
    BOOST_TEST(!sup.ended());
  };
  s.run(main());
}

// -- intensity
// --------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(
    more_restarts_than_the_intensity_within_the_period_end_it_and_all_children) {  // covers SUP-038
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    supervisor_options options;
    options.intensity = 2;
    options.period = 10s;
    supervisor sup(
        {child("bystander", [&] { return tidy(0s, &log, "bystander"); }),
         child("one", [] { return failing(3s); }), child("two", [] { return failing(4s); })},
        options);
    auto events = sup.events();
    const auto reason = co_await monitor(sup.actor());
    BOOST_TEST(is(reason, failure::supervisor_gave_up));
    BOOST_TEST(describe(reason).find("\"one\"") != std::string::npos);
    const auto log_of_events = told(events);
    BOOST_TEST(std::count(log_of_events.begin(), log_of_events.end(), "gave up ") == 1);
    BOOST_CHECK_THROW(sup.start_child(child("late", living)), invalid_state);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 6s);  // 3 s, 4 s, and the third at 6 s
  BOOST_TEST(log == (journal{"bystander"}), boost::test_tools::per_element());
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_CASE(restarts_that_are_far_enough_apart_go_on_for_ever) {
  stage s;
  auto main = []() -> task<void> {
    supervisor_options options;
    options.intensity = 1;
    options.period = 5s;
    supervisor sup({child("x", [] { return failing(6s); })}, options);
    co_await sleep(601s);
    BOOST_TEST(!sup.ended());
    BOOST_TEST(status_of(sup, "x").restarts == 100U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(with_an_intensity_of_zero_the_first_failure_ends_it) {
  stage s;
  auto main = []() -> task<void> {
    supervisor_options options;
    options.intensity = 0;
    supervisor sup({child("x", [] { return failing(1s); })}, options);
    BOOST_TEST(is(co_await monitor(sup.actor()), failure::supervisor_gave_up));
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 1s);
}

// -- starts that fail
// -------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_start_that_fails_is_told_and_tried_again_until_it_gives_up) {
  stage s;
  int attempts = 0;
  auto main = [&]() -> task<void> {
    child_spec spec;
    spec.id = "x";
    spec.start_actor = [&]() -> caf::actor {
      ++attempts;
      throw std::runtime_error("no such device");
    };
    spec.backoff.initial = 1s;
    spec.backoff.jitter = 0;
    supervisor_options options;
    options.intensity = 3;
    options.period = 60s;
    supervisor sup({spec}, options);
    auto events = sup.events();
    const auto reason = co_await monitor(sup.actor());
    BOOST_TEST(is(reason, failure::supervisor_gave_up));
    BOOST_TEST(attempts == 4);
    const auto first = events.next_nowait();
    BOOST_CHECK(first->value.what == kind::start_failed);
    BOOST_TEST(first->value.reason == "no such device");
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 7s);
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_at_first_succeeds_later) {
  stage s;
  int attempts = 0;
  auto main = [&]() -> task<void> {
    child_spec spec;
    spec.id = "x";
    spec.start_actor = [&]() -> caf::actor {
      if (++attempts < 3) throw std::runtime_error("not yet");
      return spawn_actor<echo>(s.runtime.system());
    };
    supervisor sup({spec}, tolerant());
    co_await sleep(1s);
    BOOST_TEST(attempts == 3);
    BOOST_TEST(co_await ask<int>(status_of(sup, "x").actor, 1s, 1) == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_start_that_yields_no_actor_is_a_failure) {
  stage s;
  auto main = []() -> task<void> {
    child_spec spec;
    spec.id = "x";
    spec.start_actor = [] { return caf::actor(); };
    supervisor sup({spec});
    BOOST_TEST(is(co_await monitor(sup.actor()), failure::supervisor_gave_up));
  };
  s.run(main());
}

// -- ending
// -----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(
    a_child_that_does_not_end_in_time_is_killed_and_the_others_end_in_peace) {  // covers SUP-016
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto slow = child("slow", stubborn);
    slow.shutdown = child_shutdown::within(3s);
    supervisor sup({child("a", [&] { return tidy(1s, &log, "a"); }), slow,
                    child("b", [&] { return tidy(1s, &log, "b"); })});
    auto events = sup.events();
    co_await sleep(1ms);
    told(events);
    const auto before = runtime::current().now();
    sup.stop();
    BOOST_TEST(!co_await monitor(sup.actor()));
    BOOST_CHECK(runtime::current().now() - before == 5s);
    BOOST_TEST(told(events) == (journal{"ended b", "killed slow", "ended slow", "ended a"}),
               boost::test_tools::per_element());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_child_without_limit_is_waited_for) {  // covers SUP-015
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto slow = child("slow", [&] { return tidy(10h, &log, "slow"); });
    slow.shutdown = child_shutdown::infinity();
    supervisor sup({slow});
    co_await sleep(1ms);
    sup.stop();
    BOOST_TEST(!co_await monitor(sup.actor()));
  };
  s.run(main());
  BOOST_TEST(log.size() == 1U);
  BOOST_TEST((s.clock.elapsed() >= 10h));
}

BOOST_AUTO_TEST_CASE(a_child_to_be_killed_is_not_asked) {  // covers SUP-017
  stage s;
  auto main = []() -> task<void> {
    journal log;
    auto doomed = child("doomed", [&] { return tidy(0s, &log, "asked"); });
    doomed.shutdown = child_shutdown::brutal_kill();
    supervisor sup({doomed});
    co_await sleep(1ms);
    auto watch = monitor(status_of(sup, "doomed").actor);
    sup.stop();
    BOOST_TEST((co_await watch == caf::exit_reason::kill));
    co_await monitor(sup.actor());
    BOOST_TEST(log.empty());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    children_that_end_by_themselves_while_it_stops_do_not_disturb) {  // covers SUP-018
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    supervisor sup({child("fails", [] { return failing(1500ms); }),
                    child("ends", [] { return ending(1700ms); }),
                    child("slow", [&] { return tidy(1s, &log, "slow"); })},
                   tolerant());
    auto events = sup.events();
    co_await sleep(1s);
    told(events);
    sup.stop();
    BOOST_TEST(!co_await monitor(sup.actor()));
    BOOST_TEST(told(events) == (journal{"ended fails", "ended ends", "ended slow"}),
               boost::test_tools::per_element());
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

BOOST_AUTO_TEST_CASE(a_child_terminated_by_id_stays_as_a_specification) {  // covers SUP-022
  stage s;
  auto main = []() -> task<void> {
    supervisor sup({child("x", living)}, tolerant());
    co_await sleep(1ms);
    BOOST_TEST(sup.terminate_child("x"));
    co_await sleep(1ms);
    BOOST_CHECK(status_of(sup, "x").now == state::stopped);
    BOOST_TEST(!status_of(sup, "x").actor);
    BOOST_TEST(sup.terminate_child("x"));
    BOOST_TEST(!sup.terminate_child("y"));
    BOOST_TEST(sup.children().size() == 1U);
    co_await sleep(1h);
    BOOST_TEST(status_of(sup, "x").restarts == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_child_that_waits_for_its_restart_can_be_terminated) {
  stage s;
  auto main = []() -> task<void> {
    auto spec = child("x", [] { return failing(1s); });
    spec.backoff.initial = 1h;
    supervisor sup({spec}, tolerant());
    co_await sleep(2s);
    BOOST_CHECK(status_of(sup, "x").now == state::waiting);
    sup.terminate_child("x");
    co_await sleep(10h);
    BOOST_CHECK(status_of(sup, "x").now == state::stopped);
    BOOST_TEST(status_of(sup, "x").restarts == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(children_can_be_added_later) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    supervisor sup({child("a", [&] { return tidy(0s, &log, "a"); })});
    co_await sleep(1ms);
    sup.start_child(child("b", [&] { return tidy(0s, &log, "b"); }));
    co_await sleep(1ms);
    BOOST_CHECK(status_of(sup, "b").now == state::running);
    sup.stop();
    co_await monitor(sup.actor());
  };
  s.run(main());
  BOOST_TEST(log == (journal{"b", "a"}), boost::test_tools::per_element());
}

class unlinking final : public behavior_actor {
 public:
  unlinking(caf::actor_config& config, caf::actor* supervisor)
      : behavior_actor(config), supervisor_(supervisor) {}

 protected:
  caf::behavior make_behavior() override {
    unlink(*supervisor_);
    return {[](int x) { return x; }};
  }

 private:
  caf::actor* supervisor_;
};

BOOST_AUTO_TEST_CASE(a_child_that_cuts_its_link_can_still_be_terminated) {  // covers SUP-052
  stage s;
  auto main = [&]() -> task<void> {
    caf::actor itself;
    child_spec spec;
    spec.id = "x";
    spec.start_actor = [&] { return spawn_actor<unlinking>(s.runtime.system(), &itself); };
    supervisor sup({spec});
    itself = sup.actor();
    co_await sleep(1ms);
    BOOST_TEST(sup.terminate_child("x"));
    co_await sleep(1ms);
    BOOST_CHECK(status_of(sup, "x").now == state::stopped);
    sup.stop();
    co_await monitor(sup.actor());
    itself = nullptr;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_killed_supervisor_leaves_no_child_behind) {
  stage s;
  auto main = [&]() -> task<void> {
    supervisor sup({child("x", stubborn), child("y", living)});
    co_await sleep(1ms);
    caf::anon_send_exit(sup.actor(), caf::exit_reason::kill);
    co_await sleep(1ms);
    BOOST_TEST(sup.ended());
    BOOST_TEST(s.runtime.alive() == 1U);  // this task
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(shutdown_of_the_runtime_ends_supervisors_before_other_tasks) {
  journal log;
  {
    stage s;
    auto main = [&]() -> task<void> {
      spawn(tidy(0s, &log, "task"));
      supervisor sup({child("child", [&] { return tidy(1s, &log, "child"); })});
      co_await sleep(1ms);
    };
    s.runtime.run(main());
  }
  BOOST_TEST(log == (journal{"child", "task"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(supervisors_under_supervisors_end_from_the_leaves) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    child_spec inner;
    inner.id = "inner";
    inner.shutdown = child_shutdown::infinity();
    inner.start_actor = [&] {
      return supervisor({child("leaf", [&] { return tidy(1s, &log, "leaf"); })}).actor();
    };
    supervisor outer({inner, child("last", [&] { return tidy(1s, &log, "last"); })});
    co_await sleep(1ms);
    outer.stop();
    BOOST_TEST(!co_await monitor(outer.actor()));
  };
  s.run(main());
  BOOST_TEST(log == (journal{"last", "leaf"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_inner_supervisor_that_gives_up_is_restarted_by_the_outer_one) {
  stage s;
  int started = 0;
  auto main = [&]() -> task<void> {
    child_spec inner;
    inner.id = "inner";
    inner.start_actor = [&] {
      ++started;
      supervisor_options options;
      options.intensity = 0;
      return supervisor({child("leaf", [] { return failing(1s); })}, options).actor();
    };
    supervisor outer({inner}, tolerant());
    co_await sleep(3500ms);
    BOOST_TEST(started == 4);
    outer.stop();
    co_await monitor(outer.actor());
  };
  s.run(main());
}

// -- back-off
// ---------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_waits_grow_by_the_factor_up_to_the_maximum) {
  backoff policy;
  BOOST_CHECK(policy.wait(1, 0.5) == 0s);  // none by default
  policy.initial = 100ms;
  policy.maximum = 1s;
  policy.jitter = 0;
  const std::vector<int> expected{100, 200, 400, 800, 1000, 1000};
  for (unsigned i = 0; i != expected.size(); ++i)
    BOOST_TEST(
        std::chrono::duration_cast<std::chrono::milliseconds>(policy.wait(i + 1, 1.0)).count() ==
        expected[i]);
  BOOST_TEST((policy.wait(4'000'000'000U, 0.0) == 1s));
}

BOOST_AUTO_TEST_CASE(the_jitter_moves_a_wait_by_its_share_at_most_and_never_above_the_maximum) {
  backoff policy;
  policy.initial = 1s;
  policy.maximum = 8s;
  policy.jitter = 0.25;
  BOOST_CHECK(policy.wait(1, -1.0) == 750ms);
  BOOST_CHECK(policy.wait(1, 1.0) == 1250ms);
  BOOST_CHECK(policy.wait(4, 1.0) == 8s);
  BOOST_CHECK(policy.wait(4, -1.0) == 6s);
}

BOOST_AUTO_TEST_CASE(restarts_happen_exactly_at_the_back_offs_times) {
  stage s;
  std::vector<std::chrono::milliseconds> starts;
  auto main = [&]() -> task<void> {
    auto spec = child("x", [&] {
      starts.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(s.clock.elapsed()));
      return failing(0s);
    });
    spec.backoff = {.initial = 100ms, .maximum = 1s, .factor = 2, .jitter = 0};
    supervisor sup({spec}, tolerant());
    auto events = sup.events();
    co_await sleep(4s);
    std::vector<int> waits;
    while (auto event = events.next_nowait())
      if (event->value.what == kind::waiting)
        waits.push_back(static_cast<int>(
            std::chrono::duration_cast<std::chrono::milliseconds>(event->value.wait).count()));
    BOOST_REQUIRE(waits.size() >= 6U);
    waits.resize(6);
    BOOST_TEST(waits == (std::vector{100, 200, 400, 800, 1000, 1000}),
               boost::test_tools::per_element());
  };
  s.run(main());
  starts.resize(6);
  const std::vector<int> expected{0, 100, 300, 700, 1500, 2500};
  for (std::size_t i = 0; i != expected.size(); ++i) BOOST_TEST(starts[i].count() == expected[i]);
}

BOOST_AUTO_TEST_CASE(a_child_that_ran_long_enough_begins_its_back_off_anew) {
  stage s;
  int starts = 0;
  auto main = [&]() -> task<void> {
    auto spec = child("x", [&] { return failing(++starts == 4 ? 61s : 0s); });
    spec.backoff = {.initial = 1s, .maximum = 30s, .factor = 2, .jitter = 0, .reset_after = 60s};
    supervisor sup({spec}, tolerant());
    auto events = sup.events();
    co_await sleep(75s);
    std::vector<int> waits;
    while (auto event = events.next_nowait())
      if (event->value.what == kind::waiting)
        waits.push_back(static_cast<int>(
            std::chrono::duration_cast<std::chrono::seconds>(event->value.wait).count()));
    BOOST_REQUIRE(waits.size() >= 5U);
    waits.resize(5);
    BOOST_TEST(waits == (std::vector{1, 2, 4, 1, 2}), boost::test_tools::per_element());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_storm_of_five_hundred_restarts_is_spread_by_the_jitter_and_leaves_nobody_behind) {
  stage s;
  std::map<int, int> starts_at;  // by the tenth of a second
  int starts = 0;
  auto main = [&]() -> task<void> {
    std::vector<child_spec> specs;
    for (int i = 0; i != 500; ++i) {
      auto spec = child("c" + std::to_string(i), [&] {
        ++starts;
        ++starts_at[static_cast<int>(s.clock.elapsed() / 100ms)];
        return failing(s.clock.elapsed() < 1s ? 1s : 100000h);
      });
      spec.backoff = {.initial = 1s, .jitter = 0.5};
      specs.push_back(std::move(spec));
    }
    supervisor sup(std::move(specs), tolerant());
    co_await sleep(10s);
    BOOST_TEST(starts == 1000);
    for (const auto& each : sup.children()) BOOST_REQUIRE(each.restarts == 1U);
    BOOST_TEST(s.runtime.alive() == 502U);
    sup.stop();
    co_await monitor(sup.actor());
    BOOST_TEST(s.runtime.alive() == 1U);
  };
  s.run(main());
  int most = 0;
  for (const auto& [tenth, count] : starts_at) {
    if (tenth == 0) continue;
    BOOST_TEST(tenth >= 15);
    BOOST_TEST(tenth <= 25);
    most = std::max(most, count);
  }
  BOOST_TEST(most < 120);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
