// How a supervisor ends its children, and itself.
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

BOOST_AUTO_TEST_SUITE(supervisor_shutdown)

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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
