// Supervisors under supervisors.
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

BOOST_AUTO_TEST_SUITE(supervisor_tree)

child_spec nested(std::string id, std::function<supervisor()> start,
                  restart_type restart = restart_type::permanent) {
  child_spec spec;
  spec.id = std::move(id);
  spec.start_supervisor = std::move(start);
  spec.restart = restart;
  return spec;
}

supervisor_options called(std::string name) {
  auto options = tolerant();
  options.name = std::move(name);
  return options;
}

BOOST_AUTO_TEST_CASE(supervisors_under_supervisors_end_from_the_leaves) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    const auto inner = nested("inner", [&] {
      return supervisor({child("leaf", [&] { return tidy(1s, &log, "leaf"); })});
    });
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
    const auto inner = nested("inner", [&] {
      ++started;
      supervisor_options options;
      options.intensity = 0;
      return supervisor({child("leaf", [] { return failing(1s); })}, options);
    });
    supervisor outer({inner}, tolerant());
    co_await sleep(3500ms);
    BOOST_TEST(started == 4);
    outer.stop();
    co_await monitor(outer.actor());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_supervisor_has_started_when_its_own_children_have) {
  stage s;
  auto main = [&]() -> task<void> {
    int at_that_time = 0;
    supervisor leaf_owner;
    supervisor outer({nested("inner",
                             [&] {
                               return supervisor({child("leaf", [&] {
                                 ++at_that_time;
                                 return living();
                               })});
                             }),
                      child("after", [&] {
                        BOOST_TEST(at_that_time == 1);
                        return living();
                      })});
    auto events = outer.events();
    co_await outer.started();
    BOOST_TEST(told(events) == (journal{"started inner", "started after"}),
               boost::test_tools::per_element());
    BOOST_TEST((outer.count_children() == child_counts{2, 2, 1, 1}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_deep_in_the_tree_is_told_at_the_top_with_the_whole_path) {
  // covers SUP-067
  stage s;
  auto main = [&]() -> task<void> {
    int failures = 9;
    const auto leaf = [&] { return shy("leaf", &failures); };
    const auto middle = [&] { return supervisor({leaf()}, called("middle")); };
    const auto upper = [&] { return supervisor({nested("m", middle)}, called("upper")); };
    supervisor top({nested("u", upper)}, called("top"));
    auto end = monitor(top.actor());
    BOOST_CHECK_THROW(co_await top.started(), child_error);
    BOOST_TEST(reason_chain(co_await end) ==
                   (journal{"supervisor \"top\": child \"u\" could not be started",
                            "supervisor \"upper\": child \"m\" could not be started",
                            "supervisor \"middle\": child \"leaf\" could not be started",
                            "no such device"}),
               boost::test_tools::per_element());
  };
  s.run(main());
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_CASE(giving_up_goes_up_the_tree_with_the_path_in_the_event) {
  // A2. Catches: a parent that is not told why, or that takes the giving-up for a normal end.
  stage s;
  auto main = [&]() -> task<void> {
    auto strict = called("inner");
    strict.intensity = 0;
    auto parent = called("outer");
    parent.intensity = 1;
    supervisor outer(
        {nested(
            "i", [=] { return supervisor({child("leaf", [] { return failing(1s); })}, strict); },
            restart_type::transient)},
        parent);
    auto events = outer.events();
    const auto reason = co_await monitor(outer.actor());
    journal ends;
    while (auto event = events.next_nowait())
      if (event->value.what == kind::gave_up) {
        BOOST_TEST(event->value.reasons == reason_chain(reason), boost::test_tools::per_element());
        break;
      } else if (event->value.what == kind::ended) {
        ends = event->value.reasons;
      }
    BOOST_TEST(ends == (journal{"supervisor \"inner\" gave up on child \"leaf\" (more than 0 "
                                "restarts within 5000 ms)",
                                "broken"}),
               boost::test_tools::per_element());
    BOOST_TEST(reason_chain(reason).size() == 3U);
    BOOST_TEST(reason_chain(reason).front() ==
               "supervisor \"outer\" gave up on child \"i\" (more than 1 restarts within 5000 ms)");
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

BOOST_AUTO_TEST_CASE(a_supervisor_that_is_restarted_has_its_own_list_again_without_what_was_added) {
  // covers SUP-053
  for (const auto strategy : {restart_strategy::one_for_one, restart_strategy::one_for_all}) {
    stage s;
    auto main = [&]() -> task<void> {
      std::vector<supervisor> made;
      int neighbour = 0;
      auto options = called("top");
      options.strategy = strategy;
      supervisor top({nested("a",
                             [&] {
                               return made.emplace_back(
                                   std::vector<child_spec>{child("fixed", living)}, called("a"));
                             }),
                      nested("b",
                             [&] {
                               ++neighbour;
                               return supervisor({child("leaf", living)}, called("b"));
                             })},
                     options);
      co_await top.started();
      co_await made.back().start_child(child("added", living));
      caf::anon_send_exit(made.back().actor(), caf::exit_reason::kill);
      co_await sleep(1ms);
      BOOST_TEST(made.size() == 2U);
      BOOST_TEST(made.back().which_children().size() == 1U);
      BOOST_TEST(made.back().count_children().active == 1U);
      BOOST_TEST(neighbour == (strategy == restart_strategy::one_for_all ? 2 : 1));
      BOOST_TEST(s.runtime.alive() == 6U);  // three supervisors, two leaves, this task
      made.clear();
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_CASE(a_supervisor_that_is_told_to_stop_while_a_nested_one_starts_ends_both) {
  stage s;
  auto main = [&]() -> task<void> {
    supervisor outer;
    const auto inner = nested("inner", [&] {
      outer.stop();  // arrives while the inner one is starting
      return supervisor({child("leaf", living)});
    });
    outer = supervisor({inner, child("never", [] {
                          BOOST_ERROR("started while it is stopping");
                          return living();
                        })});
    BOOST_TEST(!co_await monitor(outer.actor()));
    BOOST_TEST(s.runtime.alive() == 1U);
    outer = {};
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
