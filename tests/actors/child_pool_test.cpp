// Children made on demand from one specification.
#include "actors/supervised.hpp"

#include <buskin/actors/ask.hpp>
#include <buskin/actors/child_pool.hpp>
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

BOOST_AUTO_TEST_SUITE(child_pool_)

task<void> serve(journal* log, std::string name, duration length) {
  log->push_back("begin " + name);
  co_await sleep(length);
  log->push_back("end " + name);
  throw std::runtime_error("broken");
}

child_spec settings(restart_type restart) {
  child_spec spec;
  spec.id = "client";
  spec.restart = restart;
  return spec;
}

BOOST_AUTO_TEST_CASE(each_child_has_its_own_arguments_and_gets_them_again_at_its_restart) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    child_pool<journal*, std::string, duration> pool(serve, settings(restart_type::transient),
                                                     tolerant());
    const auto one = co_await pool.start_child(&log, "one", 2s);
    const auto two = co_await pool.start_child(&log, "two", 3s);
    BOOST_TEST((one != two));
    BOOST_TEST((pool.owner().count_children() == child_counts{1, 2, 0, 2}));
    co_await sleep(3500ms);
    BOOST_TEST(pool.owner().which_children()[0].id == "client#1");
    BOOST_TEST(pool.owner().which_children()[1].restarts == 1U);
    pool.owner().stop();
    co_await monitor(pool.actor());
  };
  s.run(main());
  BOOST_TEST(
      log == (journal{"begin one", "begin two", "end one", "begin one", "end two", "begin two"}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_arguments_of_a_temporary_child_are_not_kept) {
  stage s;
  auto main = [&]() -> task<void> {
    auto hold = [](std::shared_ptr<int> value) -> task<void> {
      value.reset();
      co_await sleep(1h);
    };
    child_pool<std::shared_ptr<int>> pool(hold, settings(restart_type::temporary), tolerant());
    auto value = std::make_shared<int>(1);
    const std::weak_ptr<int> seen = value;
    const auto actor = co_await pool.start_child(std::move(value));
    co_await sleep(1ms);
    BOOST_TEST(seen.expired());
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    co_await sleep(1ms);
    BOOST_TEST((pool.owner().count_children() == child_counts{1, 0, 0, 0}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(children_are_terminated_by_their_actors) {  // covers SUP-027
  stage s;
  auto main = [&]() -> task<void> {
    supervisor_options options = tolerant();
    options.strategy = restart_strategy::simple_one_for_one;
    supervisor sup({child("x", living)}, options);
    const auto mine = co_await sup.start_child();
    const auto other = spawn(living());
    co_await sup.terminate_child(mine);
    BOOST_TEST(sup.which_children().empty());
    co_await sup.terminate_child(mine);
    BOOST_CHECK_EXCEPTION(co_await sup.terminate_child(other.actor()), child_error,
                          why(child_error::code::not_found));
    BOOST_TEST(!other.done());
    co_await sup.start_child();
    BOOST_CHECK_EXCEPTION(co_await sup.terminate_child("x#2"), child_error,
                          why(child_error::code::not_found));
    BOOST_CHECK_EXCEPTION(co_await sup.restart_child("x"), child_error,
                          why(child_error::code::not_found));
    BOOST_CHECK_EXCEPTION(co_await sup.delete_child("x"), child_error,
                          why(child_error::code::not_found));
    BOOST_TEST(sup.which_children().size() == 1U);
    BOOST_CHECK_THROW((void)sup.start_child(child("y", living)), std::invalid_argument);
    other.cancel();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_child_that_has_nothing_to_run_is_not_kept) {  // covers SUP-005
  stage s;
  auto main = [&]() -> task<void> {
    for (const auto restart :
         {restart_type::permanent, restart_type::transient, restart_type::temporary}) {
      child_pool<> pool([] { return task<void>(); }, settings(restart), tolerant());
      BOOST_TEST(!co_await pool.start_child());
      BOOST_TEST(pool.owner().which_children().empty());
      pool.owner().stop();
      BOOST_TEST(!co_await monitor(pool.actor()));
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_child_whose_start_fails_is_told_and_not_kept) {  // covers SUP-009
  stage s;
  auto main = [&]() -> task<void> {
    child_pool<int> pool(
        [](int n) -> task<void> {
          if (n == 0) throw std::runtime_error("zero");
          return living();
        },
        settings(restart_type::permanent), tolerant());
    BOOST_CHECK_EXCEPTION(co_await pool.start_child(0), child_error,
                          why(child_error::code::start_failed));
    BOOST_TEST(pool.owner().which_children().empty());
    BOOST_TEST(static_cast<bool>(co_await pool.start_child(1)));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_child_whose_restart_keeps_failing_uses_up_the_limit_of_all) {  // covers SUP-049
  stage s;
  auto main = [&]() -> task<void> {
    int starts = 0;
    supervisor_options options;
    options.intensity = 3;
    child_pool<bool> pool(
        [&starts](bool fails) -> task<void> {
          if (fails && ++starts > 1) throw std::runtime_error("no");
          return fails ? failing(1s) : living();
        },
        settings(restart_type::permanent), options);
    auto end = monitor(pool.actor());
    co_await pool.start_child(false);
    co_await pool.start_child(true);
    BOOST_TEST(is(co_await end, failure::supervisor_gave_up));
    BOOST_TEST(starts == 4);
  };
  s.run(main());
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_CASE(at_its_end_all_children_are_asked_at_the_same_time) {  // covers SUP-047
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto spec = settings(restart_type::temporary);
    spec.shutdown = child_shutdown::within(5s);
    child_pool<int> pool(
        [&](int n) { return n < 0 ? stubborn() : tidy(std::chrono::seconds(n), &log, "tidy"); },
        spec, tolerant());
    for (const int n : {1, 2, 3, 4, -1, -1}) co_await pool.start_child(n);
    co_await sleep(1ms);
    const auto begun = s.clock.elapsed();
    auto events = pool.owner().events();
    pool.owner().stop();
    BOOST_TEST(!co_await monitor(pool.actor()));
    BOOST_CHECK(s.clock.elapsed() - begun == 5s);  // the limit, not 20 s
    const auto all = told(events);
    BOOST_TEST(std::count_if(all.begin(), all.end(),
                             [](const auto& line) { return line.starts_with("killed"); }) == 2);
  };
  s.run(main());
  BOOST_TEST(log.size() == 4U);
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_CASE(auto_shutdown_works_in_a_pool) {  // covers SUP-064
  for (const auto mode : {auto_shutdown::any_significant, auto_shutdown::all_significant}) {
    stage s;
    auto main = [&]() -> task<void> {
      auto spec = settings(restart_type::transient);
      spec.significant = true;
      auto options = tolerant();
      options.auto_shutdown = mode;
      child_pool<int> pool([](int n) { return ending(std::chrono::seconds(n)); }, spec, options);
      auto end = monitor(pool.actor());
      for (const int n : {7, 3}) co_await pool.start_child(n);
      BOOST_TEST(!co_await end);
    };
    s.run(main());
    BOOST_CHECK(s.clock.elapsed() == (mode == auto_shutdown::any_significant ? 3s : 7s));
  }
}

BOOST_AUTO_TEST_CASE(ten_thousand_children_come_and_go) {
  stage s;
  auto main = [&]() -> task<void> {
    child_pool<int> pool([](int n) { return ending(std::chrono::milliseconds(n)); },
                         settings(restart_type::temporary), tolerant());
    for (int i = 0; i != 10'000; ++i) static_cast<void>(pool.start_child(i % 100));
    co_await sleep(50ms);
    const auto half = pool.owner().count_children().active;
    BOOST_TEST(half > 4'000U);
    BOOST_TEST(half < 6'000U);
    co_await sleep(1s);
    BOOST_TEST((pool.owner().count_children() == child_counts{1, 0, 0, 0}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
