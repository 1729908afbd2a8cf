// Restart strategies: who else is restarted with a child.
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

BOOST_AUTO_TEST_SUITE(supervisor_strategy)

supervisor_options with(restart_strategy strategy) {
  auto options = tolerant();
  options.strategy = strategy;
  return options;
}

/// The actors of all children, in order.
std::vector<caf::actor> actors_of(const supervisor& s) {
  std::vector<caf::actor> all;
  for (auto& each : s.which_children()) all.push_back(each.actor);
  return all;
}

void crash(const caf::actor& whom) {
  caf::anon_send_exit(whom, caf::exit_reason::remote_link_unreachable);
}

BOOST_AUTO_TEST_CASE(one_for_one_restarts_the_one_that_failed) {
  stage s;
  auto main = [&]() -> task<void> {
    supervisor sup({child("a", living), child("b", living)}, with(restart_strategy::one_for_one));
    co_await sup.started();
    const auto before = actors_of(sup);
    crash(before[0]);
    co_await sleep(1ms);
    const auto after = actors_of(sup);
    BOOST_TEST((after[0] != before[0]));
    BOOST_TEST((after[1] == before[1]));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    one_for_all_replaces_everybody_and_counts_one_restart_a_failure) {  // covers SUP-040
  stage s;
  auto main = [&]() -> task<void> {
    auto options = with(restart_strategy::one_for_all);
    options.intensity = 2;
    options.period = 10s;
    supervisor sup({child("a", living), child("b", living), child("c", living)}, options);
    auto events = sup.events();
    auto end = monitor(sup.actor());
    co_await sup.started();
    told(events);
    for (int round = 0; round != 2; ++round) {
      const auto before = actors_of(sup);
      crash(before[1]);
      co_await sleep(1ms);
      const auto after = actors_of(sup);
      for (std::size_t i = 0; i != 3; ++i) {
        BOOST_TEST((after[i] != before[i]));
        BOOST_TEST(caf::actor_cast<caf::abstract_actor*>(before[i])->getf(
            caf::abstract_actor::is_terminated_flag));
      }
      BOOST_TEST(told(events) == (journal{"ended b", "ended c", "ended a", "started a", "started b",
                                          "started c"}),
                 boost::test_tools::per_element());
    }
    crash(actors_of(sup)[0]);
    BOOST_TEST(is(co_await end, failure::supervisor_gave_up));
  };
  s.run(main());
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_CASE(two_children_that_fail_at_the_same_time_are_one_failure_of_all) {
  stage s;
  auto main = [&]() -> task<void> {
    auto options = with(restart_strategy::one_for_all);
    options.intensity = 1;
    supervisor sup({child("a", living), child("b", living)}, options);
    co_await sup.started();
    for (const auto& each : actors_of(sup)) crash(each);
    co_await sleep(1s);
    BOOST_TEST(!sup.ended());
    BOOST_TEST((sup.count_children() == child_counts{2, 2, 0, 2}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    one_for_all_with_a_sibling_that_cannot_be_restarted_ends_everybody) {  // covers SUP-041
  stage s;
  auto main = [&]() -> task<void> {
    int starts = 0;
    auto options = with(restart_strategy::one_for_all);
    options.intensity = 4;
    supervisor sup({child("a", living), child("b",
                                              [&] {
                                                if (++starts > 1) throw std::runtime_error("stuck");
                                                return living();
                                              })},
                   options);
    auto end = monitor(sup.actor());
    co_await sup.started();
    crash(status_of(sup, "a").actor);
    const auto reason = co_await end;
    BOOST_TEST(is(reason, failure::supervisor_gave_up));
    BOOST_TEST(reason_chain(reason).back() == "stuck");
    BOOST_TEST(starts == 5);
  };
  s.run(main());
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_CASE(rest_for_one_replaces_those_that_were_started_after_it_and_keeps_the_others) {
  // covers SUP-043
  stage s;
  auto main = [&]() -> task<void> {
    auto options = with(restart_strategy::rest_for_one);
    options.intensity = 1;
    options.period = 10s;
    supervisor sup({child("a", living), child("b", living), child("c", living)}, options);
    auto events = sup.events();
    auto end = monitor(sup.actor());
    co_await sup.started();
    told(events);
    const auto before = actors_of(sup);
    crash(before[1]);
    co_await sleep(1ms);
    const auto after = actors_of(sup);
    BOOST_TEST((after[0] == before[0]));
    BOOST_TEST((after[1] != before[1]));
    BOOST_TEST((after[2] != before[2]));
    BOOST_TEST(told(events) == (journal{"ended b", "ended c", "started b", "started c"}),
               boost::test_tools::per_element());
    crash(after[2]);
    BOOST_TEST(is(co_await end, failure::supervisor_gave_up));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    in_a_rest_restart_only_the_one_that_fails_to_start_is_tried_again) {  // covers SUP-045
  stage s;
  auto main = [&]() -> task<void> {
    int starts = 0;
    supervisor sup({child("a", living), child("b", living),
                    child("c",
                          [&] {
                            if (++starts == 2 || starts == 3) throw std::runtime_error("busy");
                            return living();
                          })},
                   with(restart_strategy::rest_for_one));
    auto events = sup.events();
    co_await sup.started();
    told(events);
    const auto before = actors_of(sup);
    crash(before[1]);
    co_await sleep(1ms);
    BOOST_TEST(told(events) == (journal{"ended b", "ended c", "started b", "start failed c",
                                        "start failed c", "started c"}),
               boost::test_tools::per_element());
    BOOST_TEST((actors_of(sup)[0] == before[0]));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_child_that_fails_to_restart_again_and_again_holds_up_those_after_it_only) {
  // covers SUP-057
  for (const bool by_hand : {true, false}) {
    stage s;
    auto main = [&]() -> task<void> {
      int starts = 0;
      auto looping = child("b", [&] {
        if (++starts > 1) throw std::runtime_error("no");
        return living();
      });
      looping.backoff = {.initial = 10s, .maximum = 10s, .jitter = 0};
      supervisor sup({child("a", living), looping, child("c", living)},
                     with(restart_strategy::rest_for_one));
      co_await sup.started();
      const auto before = actors_of(sup);
      crash(before[1]);
      co_await sleep(25s);
      BOOST_TEST(starts == 3);
      BOOST_CHECK(status_of(sup, "b").now == state::waiting);
      BOOST_CHECK(status_of(sup, "c").now == state::stopped);
      BOOST_TEST((status_of(sup, "a").actor == before[0]));
      BOOST_CHECK_EXCEPTION(co_await sup.restart_child("b"), child_error,
                            why(child_error::code::restarting));
      BOOST_CHECK_EXCEPTION(co_await sup.delete_child("b"), child_error,
                            why(child_error::code::restarting));
      if (by_hand) {
        co_await sup.terminate_child("b");
        co_await sleep(60s);
        BOOST_TEST(starts == 3);
        BOOST_CHECK(status_of(sup, "b").now == state::stopped);
      }
      sup.stop();
      BOOST_TEST(!co_await monitor(sup.actor()));
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_CASE(
    a_temporary_child_that_falls_with_a_sibling_is_not_restarted) {  // covers SUP-035
  for (const auto strategy : {restart_strategy::one_for_all, restart_strategy::rest_for_one}) {
    stage s;
    auto main = [&]() -> task<void> {
      supervisor sup(
          {child("a", living), child("t", living, restart_type::temporary), child("b", living)},
          with(strategy));
      co_await sup.started();
      crash(actors_of(sup)[0]);
      co_await sleep(1ms);
      BOOST_TEST(!sup.ended());
      BOOST_TEST((sup.count_children() == child_counts{2, 2, 0, 2}));
      BOOST_CHECK_THROW(sup.get_childspec("t"), child_error);
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_CASE(while_one_waits_for_its_back_off_the_others_of_its_group_wait_with_it) {
  stage s;
  auto main = [&]() -> task<void> {
    auto slow = child("b", living);
    slow.backoff = {.initial = 5s, .jitter = 0};
    supervisor sup({child("a", living), slow, child("c", living)},
                   with(restart_strategy::one_for_all));
    co_await sup.started();
    crash(status_of(sup, "b").actor);
    co_await sleep(4s);
    BOOST_TEST(sup.count_children().active == 0U);
    co_await sleep(2s);
    BOOST_TEST(sup.count_children().active == 3U);
    crash(status_of(sup, "a").actor);  // without back-off: at once
    co_await sleep(1ms);
    BOOST_TEST(sup.count_children().active == 3U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
