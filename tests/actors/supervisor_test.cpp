// How a supervisor starts: specifications, order, starts that fail or have nothing to run.
#include "actors/supervised.hpp"

#include <buskin/actors/ask.hpp>
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
using namespace buskin::test;
using kind = supervisor_event::kind;
using state = child_status::state;

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
    BOOST_TEST(sup.which_children().size() == 3U);
    BOOST_CHECK(sup.which_children()[1].now == state::running);
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
    auto odd = child("x", living, static_cast<restart_type>(7));
    BOOST_TEST(refusal({odd}).find("restart type") != std::string::npos);
    odd = child("x", living);
    odd.type = static_cast<child_type>(7);
    BOOST_TEST(refusal({odd}).find("neither a worker nor") != std::string::npos);
    odd = child("x", living);
    odd.significant = true;
    BOOST_TEST(refusal({odd}).find("permanent and significant") != std::string::npos);
    odd.restart = restart_type::transient;
    BOOST_TEST(refusal({odd}).find("auto_shutdown is never") != std::string::npos);
    supervisor sup({child("x", living)});
    BOOST_CHECK_THROW((void)sup.start_child(child("", living)), std::invalid_argument);
    BOOST_CHECK_THROW((void)sup.start_child(), std::invalid_argument);  // no pool
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_defaults_of_a_child_are_erlangs_and_can_be_read_back) {  // covers SUP-010
  stage s;
  auto main = []() -> task<void> {
    child_spec inner;
    inner.id = "inner";
    inner.start_supervisor = [] { return supervisor(std::vector<child_spec>{}); };
    supervisor sup({child("x", living), inner});
    co_await sup.started();
    const auto worker = sup.get_childspec("x");
    BOOST_CHECK(worker.restart == restart_type::permanent);
    BOOST_CHECK(worker.shutdown->limit() == 5s);
    BOOST_CHECK(worker.type == child_type::worker);
    BOOST_TEST(!worker.significant);
    BOOST_CHECK(sup.get_childspec("inner").type == child_type::supervisor);
    BOOST_TEST(!sup.get_childspec("inner").shutdown->limited());
    BOOST_CHECK_EXCEPTION(sup.get_childspec("y"), child_error, why(child_error::code::not_found));
  };
  s.run(main());
  const supervisor_options options;
  BOOST_TEST(options.intensity == 1U);
  BOOST_CHECK(options.period == 5s);
}

// -- starts that fail or have nothing to run ------------------------------------------------------

BOOST_AUTO_TEST_CASE(
    when_a_start_fails_those_before_are_ended_in_reverse_and_the_supervisor_ends_with_the_reason) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    int failures = 1;
    std::vector<child_spec> specs;
    for (const char* name : {"a", "b"})
      specs.push_back(child(name, [&log, name] { return tidy(1s, &log, name); }));
    specs.push_back(shy("c", &failures));
    specs.push_back(child("d", [&log] { return tidy(1s, &log, "d"); }));
    supervisor sup(specs, tolerant());
    auto events = sup.events();
    auto watch = monitor(sup.actor());
    BOOST_CHECK_EXCEPTION(co_await sup.started(), child_error,
                          why(child_error::code::start_failed));
    const auto reason = co_await watch;
    BOOST_TEST(is(reason, failure::start_failed));
    BOOST_TEST(describe(reason) ==
               "supervisor \"supervisor\": child \"c\" could not be started: no such device");
    BOOST_TEST(
        told(events) == (journal{"started a", "started b", "start failed c", "ended b", "ended a"}),
        boost::test_tools::per_element());
  };
  s.run(main());
  BOOST_TEST(log == (journal{"b", "a"}), boost::test_tools::per_element());
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_CASE(a_failed_start_can_be_treated_as_a_failed_restart_instead) {
  stage s;
  auto main = [&]() -> task<void> {
    int failures = 3;
    auto spec = shy("x", &failures);
    spec.backoff = {.initial = 1s, .jitter = 0};
    auto options = tolerant();
    options.failed_start = failed_start::retry;
    supervisor sup({spec}, options);
    auto events = sup.events();
    co_await sup.started();
    BOOST_CHECK(status_of(sup, "x").now == state::waiting);
    co_await sleep(10s);
    BOOST_CHECK(status_of(sup, "x").now == state::running);
    BOOST_TEST(told(events) == (journal{"start failed x", "waiting x", "start failed x",
                                        "waiting x", "start failed x", "waiting x", "started x"}),
               boost::test_tools::per_element());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(whoever_awaits_the_start_goes_on_when_all_children_run) {
  stage s;
  auto main = [&]() -> task<void> {
    supervisor sup({child("a", living), child("b", living)});
    BOOST_TEST(sup.count_children().active == 0U);  // it starts in a turn of its own
    co_await sup.started();
    BOOST_TEST(sup.count_children().active == 2U);
    co_await sup.started();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_start_that_has_nothing_to_run_leaves_a_specification_without_an_actor) {  // covers SUP-003
  stage s;
  auto main = [&]() -> task<void> {
    child_spec actor;
    actor.id = "actor";
    actor.start_actor = [] { return caf::actor(); };
    supervisor sup({child("task", [] { return task<void>(); }), actor, child("b", living)});
    auto events = sup.events();
    co_await sup.started();
    BOOST_TEST((sup.count_children() == child_counts{3, 1, 0, 3}));
    BOOST_CHECK(status_of(sup, "task").now == state::stopped);
    BOOST_TEST(told(events) == (journal{"ignored task", "ignored actor", "started b"}),
               boost::test_tools::per_element());
    BOOST_TEST(!co_await sup.restart_child("task"));  // still nothing, and no error
    sup.stop();
    BOOST_TEST(!co_await monitor(sup.actor()));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_temporary_child_that_has_nothing_to_run_is_not_kept) {  // covers SUP-004
  stage s;
  auto main = [&]() -> task<void> {
    const auto nothing = child(
        "x", [] { return task<void>(); }, restart_type::temporary);
    supervisor sup({nothing, child("b", living)});
    co_await sup.started();
    BOOST_TEST((sup.count_children() == child_counts{1, 1, 0, 1}));
    BOOST_TEST(!co_await sup.start_child(nothing));
    BOOST_TEST((sup.count_children() == child_counts{1, 1, 0, 1}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_supervisor_whose_set_up_has_nothing_to_run_does_not_start_and_that_is_no_error) {
  // covers SUP-002
  stage s;
  auto main = [&]() -> task<void> {
    supervisor outer(std::vector<child_spec>{});
    child_spec inner;
    inner.id = "inner";
    inner.start_supervisor = [] { return supervisor(); };
    BOOST_TEST(!co_await outer.start_child(inner));
    BOOST_TEST(s.runtime.alive() == 2U);  // the outer one and this task
    BOOST_TEST(!outer.ended());
    BOOST_CHECK_THROW(supervisor().stop(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(its_own_events_name_it_the_child_the_reasons_and_the_count) {
  stage s;
  auto main = [&]() -> task<void> {
    auto options = tolerant();
    options.name = "devices";
    auto spec = child("gps", [] { return failing(1s); });
    spec.backoff = {.initial = 3s, .jitter = 0};
    supervisor sup({spec}, options);
    auto events = sup.events();
    co_await sleep(6s);
    journal log;
    while (auto event = events.next_nowait()) {
      BOOST_TEST(event->value.supervisor == "devices");
      log.push_back(to_string(event->value) + " " + std::to_string(event->value.restarts));
    }
    BOOST_TEST(
        log == (journal{"devices/gps started 0", "devices/gps ended: broken 0",
                        "devices/gps waiting 3000 ms: broken 1", "devices/gps started 1",
                        "devices/gps ended: broken 1", "devices/gps waiting 6000 ms: broken 2"}),
        boost::test_tools::per_element());
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
