// Which ends lead to a restart, and how many are too many.
#include "actors/supervised.hpp"

#include <buskin/actors/ask.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
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
using namespace buskin::test;
using kind = supervisor_event::kind;
using state = child_status::state;

BOOST_AUTO_TEST_SUITE(supervisor_restart)

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
    BOOST_TEST(sup.count_children().specs == (type == restart_type::temporary ? 0U : 1U));
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

BOOST_AUTO_TEST_CASE(
    being_asked_to_shut_down_by_somebody_is_no_failure) {  // covers SUP-029, SUP-032
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
    BOOST_TEST(static_cast<bool>(co_await sup.restart_child("transient")));
    BOOST_CHECK(status_of(sup, "transient").now == state::running);
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
    BOOST_CHECK_THROW(co_await sup.start_child(child("late", living)),
                      invalid_state);  // covers SUP-025
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

// -- restarts that fail
// -----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(
    a_restart_whose_start_fails_is_tried_again_and_counts_until_the_supervisor_gives_up) {
  // A2. Catches: a failed start that is not counted (it never gives up), or not waited for (the
  // times differ).
  stage s;
  int attempts = 0;
  std::vector<int> starts;
  auto main = [&]() -> task<void> {
    auto spec = child("x", [&] {
      starts.push_back(static_cast<int>(s.clock.elapsed() / 1s));
      if (++attempts > 1) throw std::runtime_error("no such device");
      return failing(1s);
    });
    spec.backoff = {.initial = 1s, .jitter = 0};
    supervisor_options options;
    options.intensity = 3;
    options.period = 60s;
    supervisor sup({spec}, options);
    auto events = sup.events();
    const auto reason = co_await monitor(sup.actor());
    BOOST_TEST(is(reason, failure::supervisor_gave_up));
    BOOST_TEST(
        reason_chain(reason) ==
            (journal{"supervisor \"supervisor\" gave up on child \"x\" (more than 3 restarts "
                     "within 60000 ms)",
                     "no such device"}),
        boost::test_tools::per_element());
    BOOST_TEST(
        told(events) == (journal{"started x", "ended x", "waiting x", "start failed x", "waiting x",
                                 "start failed x", "waiting x", "start failed x", "gave up "}),
        boost::test_tools::per_element());
  };
  s.run(main());
  BOOST_TEST(starts == (std::vector{0, 2, 4, 8}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_at_once_and_for_ever_does_not_stop_the_others) {
  stage s;
  auto main = [&]() -> task<void> {
    int attempts = 0;
    supervisor sup({child("bad",
                          [&] {
                            if (++attempts > 1) throw std::runtime_error("no");
                            return failing(0s);
                          }),
                    child("good", living)},
                   tolerant());
    co_await sup.started();
    for (int i = 0; i != 5000; ++i) co_await yield();
    BOOST_TEST(attempts > 2);
    co_await sup.terminate_child("bad");
    const int before = attempts;
    co_await sleep(1s);
    BOOST_TEST(attempts == before);
    BOOST_CHECK(status_of(sup, "good").now == state::running);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_restart_works_also_for_a_child_whose_start_leaves_something_for_others) {  // covers SUP-048
  stage s;
  auto main = [&]() -> task<void> {
    std::vector<caf::actor> published;
    child_spec spec;
    spec.id = "x";
    spec.start_actor = [&] {
      return published.emplace_back(spawn_actor<echo>(s.runtime.system()));
    };
    supervisor sup({spec}, tolerant());
    co_await sup.started();
    send(published.back(), "die");
    co_await sleep(1ms);
    BOOST_TEST(published.size() == 2U);
    BOOST_TEST((status_of(sup, "x").actor == published.back()));
    BOOST_TEST(co_await ask<int>(published.back(), 1s, 5) == 5);
    published.clear();
    sup.stop();
    co_await monitor(sup.actor());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    what_a_temporary_child_was_started_with_is_not_kept_but_others_specifications_are) {
  // covers SUP-050, SUP-051
  for (const auto strategy : {restart_strategy::one_for_one, restart_strategy::one_for_all,
                              restart_strategy::rest_for_one}) {
    stage s;
    auto main = [&]() -> task<void> {
      auto options = tolerant();
      options.strategy = strategy;
      supervisor sup(std::vector<child_spec>{}, options);
      for (const int how : {0, 1, 2, 3}) {
        auto argument = std::make_shared<int>(1);
        const std::weak_ptr<int> seen = argument;
        auto temporary = co_await sup.start_child(child(
            "temporary", [argument = std::move(argument)] { return living(); },
            restart_type::temporary));
        auto transient =
            co_await sup.start_child(child("transient", living, restart_type::transient));
        BOOST_TEST(seen.expired());
        for (const auto& each : {temporary, transient}) {
          if (how == 0) caf::anon_send_exit(each, caf::exit_reason::kill);
          if (how == 1) caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
        }
        if (how == 2) co_await sup.terminate_child("temporary");
        if (how == 2) co_await sup.terminate_child("transient");
        if (how == 3) caf::anon_send_exit(temporary, caf::exit_reason::remote_link_unreachable);
        co_await sleep(1ms);
        BOOST_CHECK_THROW(sup.get_childspec("temporary"), child_error);
        BOOST_TEST(static_cast<bool>(sup.get_childspec("transient").start));
        co_await sup.terminate_child("transient");
        co_await sup.delete_child("transient");
      }
    };
    s.run(main());
  }
}

// -- significant children
// -----------------------------------------------------------------------------

child_spec significant(std::string id, std::function<task<void>()> start, restart_type restart) {
  auto spec = child(std::move(id), std::move(start), restart);
  spec.significant = true;
  return spec;
}

/// When a supervisor of these children ends by itself, in seconds; -1: not within a minute.
int ends_after(auto_shutdown mode, std::vector<child_spec> specs,
               restart_strategy strategy = restart_strategy::one_for_one) {
  stage s;
  int after = -1;
  auto main = [&]() -> task<void> {
    auto options = tolerant();
    options.auto_shutdown = mode;
    options.strategy = strategy;
    supervisor sup(std::move(specs), options);
    auto events = sup.events();
    auto end = monitor(sup.actor());
    try {
      BOOST_TEST(!co_await timeout(60s, [&] { return end.down(); }));  // a normal end
      after = static_cast<int>(s.clock.elapsed() / 1s);
      const auto log = told(events);
      BOOST_TEST(std::count(log.begin(), log.end(), "auto shutdown ") == 1);
    } catch (const timeout_error&) {
    }
  };
  s.run(main());
  return after;
}

BOOST_AUTO_TEST_CASE(any_significant_child_that_ends_by_itself_ends_all) {  // covers SUP-061
  using enum restart_type;
  const auto mode = auto_shutdown::any_significant;
  BOOST_TEST(ends_after(mode, {significant(
                                   "a", [] { return ending(2s); }, temporary),
                               significant(
                                   "b", [] { return ending(9s); }, temporary),
                               child("c", living)}) == 2);
  BOOST_TEST(ends_after(mode, {significant(
                                   "a", [] { return failing(3s); }, temporary),
                               child("c", living)}) == 3);
  BOOST_TEST(ends_after(mode, {child(
                                   "a", [] { return ending(3s); }, temporary),
                               significant("c", living, temporary)}) == -1);
}

BOOST_AUTO_TEST_CASE(all_significant_children_have_to_end_in_the_other_mode) {
  using enum restart_type;
  const auto mode = auto_shutdown::all_significant;
  BOOST_TEST(ends_after(mode, {significant(
                                   "a", [] { return ending(2s); }, temporary),
                               significant(
                                   "b", [] { return failing(9s); }, temporary),
                               child("c", living)}) == 9);
  BOOST_TEST(ends_after(mode, {significant(
                                   "a", [] { return ending(2s); }, temporary),
                               significant("b", living, transient)}) == -1);
}

BOOST_AUTO_TEST_CASE(a_significant_child_that_is_terminated_by_hand_ends_nobody) {
  stage s;
  auto main = [&]() -> task<void> {
    auto options = tolerant();
    options.auto_shutdown = auto_shutdown::any_significant;
    supervisor sup({significant("a", living, restart_type::temporary)}, options);
    co_await sup.terminate_child("a");
    co_await sleep(1s);
    BOOST_TEST(!sup.ended());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_significant_transient_child_that_fails_is_restarted) {  // covers SUP-063
  for (const auto mode : {auto_shutdown::any_significant, auto_shutdown::all_significant}) {
    int runs = 0;
    BOOST_TEST(
        ends_after(mode, {significant(
                             "a", [&runs] { return ++runs % 2 != 0 ? failing(1s) : ending(3s); },
                             restart_type::transient)}) == 4);
  }
}

BOOST_AUTO_TEST_CASE(significant_children_that_fall_with_a_sibling_end_nobody) {  // covers SUP-065
  for (const auto strategy : {restart_strategy::one_for_all, restart_strategy::rest_for_one})
    BOOST_TEST(ends_after(auto_shutdown::any_significant,
                          {child("a", [] { return failing(7s); }),
                           significant("b", living, restart_type::temporary),
                           significant("c", living, restart_type::transient)},
                          strategy) == -1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
