// spawn and join.
#include <buskin/actors/task_handle.hpp>

#include <buskin/actors/event.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/instances.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::detail::here;
using buskin::test::instance;
using buskin::test::journal;
using buskin::test::stage;

task<int> after_a_while(int value, duration delay = 1s) {
  co_await sleep(delay);
  co_return value;
}
task<int> failing(std::string text = "broken") {
  co_await sleep(1s);
  throw std::runtime_error(text);
}

BOOST_AUTO_TEST_SUITE(task_handle_)

BOOST_AUTO_TEST_CASE(
    a_spawned_task_runs_by_itself_and_is_joined_for_its_value) {  // covers TSK-008, TSK-090
  stage s;
  auto main = []() -> task<void> {
    auto one = spawn(after_a_while(1), {"one"});
    auto two = spawn(after_a_while(2));
    BOOST_TEST(one.name() == "one");
    BOOST_TEST(!one.done());
    BOOST_TEST(co_await two == 2);
    BOOST_TEST(one.done());
    BOOST_TEST(co_await one.join() == 1);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 1s);
}

// covers COB-009
BOOST_AUTO_TEST_CASE(spawning_outside_of_a_runtime_is_refused_also_eagerly) {
  BOOST_CHECK_THROW(spawn(after_a_while(1)), invalid_state);
  BOOST_CHECK_THROW(spawn(after_a_while(1), {.eager = true}), invalid_state);
}

template <class T>
concept can_be_spawned = requires(T what) {
  spawn(std::move(what));
};

// covers TSK-011
BOOST_AUTO_TEST_CASE(what_is_no_task_cannot_be_spawned_or_awaited) {
  static_assert(can_be_spawned<task<int>>);
  static_assert(!can_be_spawned<int>);
  static_assert(!can_be_spawned<std::string>);
  static_assert(!can_be_spawned<task_handle<int>>);
  BOOST_TEST(true);
}

template <class Handle>
concept can_be_given_a_result = requires(Handle h) {
  h.set_result(1);
}
|| requires(Handle h, std::exception_ptr e) { h.set_exception(e); };

// covers TSK-066
BOOST_AUTO_TEST_CASE(nobody_can_set_a_tasks_result_from_outside) {
  static_assert(!can_be_given_a_result<task_handle<int>>);
  stage s;
  auto main = []() -> task<void> { BOOST_TEST(co_await spawn(after_a_while(1)) == 1); };
  s.run(main());
}

// covers TSK-012
BOOST_AUTO_TEST_CASE(a_task_of_another_runtime_cannot_be_joined) {
  stage other;
  auto foreign = spawn(other.runtime, after_a_while(1), {"foreign"});
  {
    stage s;
    auto main = [&]() -> task<void> {
      BOOST_CHECK_EXCEPTION(co_await foreign, wrong_runtime, [](const wrong_runtime& e) {
        return std::string(e.what()).find("\"foreign\" belongs to another runtime") !=
               std::string::npos;
      });
    };
    s.run(main());
  }
  BOOST_TEST(!foreign.done());
  auto join = [&]() -> task<int> { co_return co_await foreign; };
  BOOST_TEST(other.run(join()) == 1);
}

// covers TSK-030
BOOST_AUTO_TEST_CASE(a_waiter_and_its_task_cancelled_in_one_turn_both_end_cancelled) {
  stage s;
  auto main = []() -> task<void> {
    for (const bool task_first : {true, false}) {
      auto work = spawn(after_a_while(1));
      auto waiting = [&]() -> task<void> { co_await work; };
      auto waiter = spawn(waiting());
      co_await sleep(1ms);
      if (task_first) {
        work.cancel();
        waiter.cancel();
      } else {
        waiter.cancel();
        work.cancel();
      }
      BOOST_CHECK_THROW(co_await waiter, cancelled);
      BOOST_TEST(waiter.cancelled());
      BOOST_TEST(work.cancelled());
    }
  };
  s.run(main());  // and no incident
}

BOOST_AUTO_TEST_CASE(each_cancellation_of_a_waiter_reaches_the_task_it_awaits) {
  stage s;
  int reached = 0;
  auto stubborn = [&]() -> task<void> {
    while (reached != 3) {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        ++reached;
      }
    }
  };
  auto main = [&]() -> task<void> {
    auto work = spawn(stubborn());
    auto waiting = [&]() -> task<void> { co_await work; };
    auto between = spawn(waiting());
    auto waiting_for_that = [&]() -> task<void> { co_await between; };
    auto waiter = spawn(waiting_for_that());
    for (int i = 0; i != 3; ++i) {
      co_await sleep(1s);
      BOOST_TEST(reached == i);
      waiter.cancel();
    }
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(here.stack->cancelling() == 0U);
  };
  s.run(main());
  BOOST_TEST(reached == 3);
  BOOST_CHECK(s.clock.elapsed() == 3s);
}

BOOST_AUTO_TEST_CASE(a_task_that_fails_while_it_deals_with_a_cancellation_has_failed) {
  stage s;
  auto main = []() -> task<void> {
    auto body = []() -> task<void> {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        throw std::runtime_error("in cleanup");
      }
    };
    auto work = spawn(body());
    co_await sleep(1s);
    work.cancel();
    BOOST_CHECK_THROW(co_await work, std::runtime_error);
    BOOST_TEST(!work.cancelled());
  };
  s.run(main());
}

// covers TSK-085
BOOST_AUTO_TEST_CASE(a_task_that_nothing_can_end_is_reported_when_its_runtime_is_shut_down) {
  runtime_options options;
  manual_clock clock(manual_clock::mode::by_hand);
  options.clock = &clock;
  options.shutdown_timeout = std::chrono::milliseconds(1);
  buskin::runtime owner(options);
  int alive = 0;
  auto stuck = [](instance) -> task<void> {
    for (;;) {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
      }
    }
  };
  auto work = spawn(owner, stuck(instance(alive)), {"stuck"});
  owner.poll();
  BOOST_TEST(alive == 1);
  const auto& report = owner.shutdown();
  BOOST_REQUIRE(report.stragglers.size() == 1U);
  BOOST_TEST(report.stragglers[0].name == "task \"stuck\"");
  BOOST_TEST(to_string(report).find("a point in time") != std::string::npos);
  BOOST_TEST(alive == 0);
  BOOST_TEST(work.cancelled());
}

BOOST_AUTO_TEST_CASE(callbacks_at_the_end_run_on_a_later_turn_in_the_order_of_registration) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto work = spawn(after_a_while(7));
    work.on_done([&] { log.emplace_back("first"); });
    auto removed = work.on_done([&] { log.emplace_back("removed"); });
    work.on_done([&](const task_handle<int>& h) {
      log.push_back("value " + std::to_string(h.result()));
      work.on_done([&] { log.emplace_back("registered after the end"); });
    });
    any_task(work).on_done([&] { log.emplace_back("last"); });
    BOOST_TEST(removed.remove());
    BOOST_TEST(!removed.remove());
    co_await work;
    BOOST_TEST(log.empty());
    co_await sleep(1s);
    auto late = work.on_done([&] { log.emplace_back("late"); });
    BOOST_TEST(log.size() == 4U);  // never inside the registration
    co_await sleep(1s);
    BOOST_TEST(!late.remove());
    BOOST_TEST(!done_callback().remove());
  };
  s.run(main());
  BOOST_TEST(log == (journal{"first", "value 7", "last", "registered after the end", "late"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_callback_that_throws_is_reported_and_the_others_run) {
  stage s;
  bool ran = false;
  auto main = [&]() -> task<void> {
    auto work = spawn(after_a_while(7));
    work.on_done([] { throw std::runtime_error("callback"); });
    work.on_done([&] { ran = true; });
    co_await work;
    co_await sleep(1s);
  };
  s.run(main());
  BOOST_TEST(ran);
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK003");
  BOOST_TEST(to_string(incidents[0].where).find("task_handle_test.cpp") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_removed_callback_lets_go_of_what_it_holds) {
  stage s;
  int alive = 0;
  auto main = [&]() -> task<void> {
    auto work = spawn(after_a_while(7, 1h));
    auto callback = work.on_done([held = instance(alive)] {});
    BOOST_TEST(alive > 0);
    callback.remove();
    BOOST_TEST(alive == 0);
    work.cancel();
    co_await yield();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(on_several_workers_callbacks_are_called_once_or_removed) {
  stage s(runtime_options{.workers = 3});
  auto main = []() -> task<void> {
    for (int i = 0; i != 300; ++i) {
      queue<int> called;
      auto work = spawn(after_a_while(i, 0s));
      work.on_done([called] { called.put_nowait(1); });
      auto gone = work.on_done([called] { called.put_nowait(2); });
      work.on_done([called] { called.put_nowait(3); });
      const bool removed = gone.remove();
      co_await work;
      std::vector<int> calls;
      while (calls.size() != (removed ? 2U : 3U)) calls.push_back(co_await called.get());
      std::sort(calls.begin(), calls.end());
      BOOST_REQUIRE((calls == (removed ? std::vector{1, 3} : std::vector{1, 2, 3})));
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_task_can_be_joined_many_times_and_by_many) {
  stage s;
  int sum = 0;
  auto main = [&]() -> task<void> {
    auto work = spawn(after_a_while(5));
    auto joiner = [&]() -> task<void> { sum += co_await work; };
    auto first = spawn(joiner());
    auto second = spawn(joiner());
    co_await first;
    co_await second;
    sum += co_await work;
    sum += work.result();
  };
  s.run(main());
  BOOST_TEST(sum == 20);
}

BOOST_AUTO_TEST_CASE(
    joining_a_failed_task_again_and_again_throws_the_same_exception) {  // covers FU2-001
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(failing());
    std::exception_ptr seen[3];
    for (auto& each : seen) {
      try {
        co_await work;
      } catch (const std::runtime_error&) {
        each = std::current_exception();
      }
    }
    BOOST_TEST((seen[0] && seen[0] == seen[1] && seen[1] == seen[2]));
    BOOST_TEST((work.exception() == seen[0]));
    BOOST_CHECK_THROW(work.result(), std::runtime_error);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_pending_task_has_neither_result_nor_exception) {
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1));
    BOOST_CHECK_THROW(work.result(), invalid_state);
    BOOST_CHECK_THROW(work.exception(), invalid_state);
    co_await work;
    BOOST_TEST((work.exception() == nullptr));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(cancel_ends_it_with_the_message_and_is_refused_afterwards) {
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1));
    co_await yield();
    BOOST_TEST(work.cancel("not needed"));
    std::string message;
    try {
      co_await work;
    } catch (const cancelled& c) {
      message = c.message();
    }
    BOOST_TEST(message == "not needed");
    BOOST_TEST(work.done());
    BOOST_TEST(work.cancelled());
    BOOST_TEST(!work.cancel());
    BOOST_CHECK_THROW(work.result(), cancelled);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancel_after_the_end_is_harmless) {  // covers COB-004
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1, 0s));
    co_await work;
    BOOST_TEST(!work.cancel());
    BOOST_TEST(work.result() == 1);
    BOOST_TEST(!work.cancelled());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(cancelling_the_waiter_cancels_the_task_it_awaits) {  // covers TSK-065, WF-013
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1));
    auto waiting = [&]() -> task<void> { co_await work; };
    auto waiter = spawn(waiting());
    co_await sleep(1ms);
    waiter.cancel("by its owner");
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(work.cancelled());
    BOOST_TEST(waiter.cancelled());
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 1ms);
}

BOOST_AUTO_TEST_CASE(
    cancelling_the_waiter_waits_for_a_task_that_does_not_end_at_once) {  // covers WF-001
  stage s;
  journal log;
  auto stubborn = [&]() -> task<int> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
    }
    co_await sleep(1s);
    log.emplace_back("work ended");
    co_return 1;
  };
  auto main = [&]() -> task<void> {
    auto work = spawn(stubborn());
    auto waiting = [&]() -> task<void> {
      try {
        co_await work;
      } catch (const cancelled&) {
        log.emplace_back("waiter cancelled");
        throw;
      }
    };
    auto waiter = spawn(waiting());
    co_await sleep(1ms);
    waiter.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(work.result() == 1);
  };
  s.run(main());
  BOOST_TEST(log == (journal{"work ended", "waiter cancelled"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(
    a_waiter_cancelled_in_the_turn_in_which_the_task_ends_is_cancelled_and_the_result_is_kept) {  // covers WF-015
  stage s;
  auto main = []() -> task<void> {
    task_handle<void> waiter;
    auto ending = [&]() -> task<int> {
      co_await sleep(1s);
      waiter.cancel();
      co_return 8;
    };
    auto work = spawn(ending());
    bool went_on = false;
    auto waiting = [&]() -> task<void> {
      co_await work;
      went_on = true;
    };
    waiter = spawn(waiting());
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(!went_on);
    BOOST_TEST(work.result() == 8);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(self_cancellation_reaches_the_task_that_is_awaited_next) {  // covers TSK-035
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1));
    task_handle<void> self;
    auto body = [&]() -> task<void> {
      self.cancel();
      co_await work;
    };
    self = spawn(body());
    BOOST_CHECK_THROW(co_await self, cancelled);
    BOOST_TEST(work.cancelled());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_cancelled_task_that_is_awaited_cancels_its_waiter_unless_that_handles_it) {  // covers TSK-029
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(after_a_while(1));
    auto waiting = [&]() -> task<void> { co_await work; };
    auto waiter = spawn(waiting());
    co_await sleep(1ms);
    work.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(waiter.cancelled());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_task_cannot_join_itself) {
  stage s;
  auto main = []() -> task<void> {
    task_handle<void> self;
    auto body = [&]() -> task<void> { co_await self; };
    self = spawn(body());
    BOOST_CHECK_THROW(co_await self, invalid_state);
  };
  s.run(main());
}

task<std::unique_ptr<int>> unique(int value) {
  co_await yield();
  co_return std::make_unique<int>(value);
}

BOOST_AUTO_TEST_CASE(a_move_only_result_is_taken_once) {
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(unique(3));
    auto value = co_await std::move(work);
    BOOST_TEST(*value == 3);
    auto other = spawn(unique(4));
    BOOST_TEST(*co_await other == 4);
    BOOST_CHECK_THROW(co_await other, invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_empty_handle_says_so) {
  task_handle<int> none;
  BOOST_TEST(!none);
  BOOST_CHECK_THROW(none.done(), invalid_state);
  BOOST_CHECK_THROW(none.cancel(), invalid_state);
  BOOST_CHECK_THROW((void)none.join(), invalid_state);
}

BOOST_AUTO_TEST_CASE(dropping_the_handle_does_not_stop_the_task) {
  stage s;
  bool ran = false;
  auto body = [&]() -> task<void> {
    co_await sleep(1s);
    ran = true;
  };
  auto main = [&]() -> task<void> {
    spawn(body());
    co_await sleep(2s);
  };
  s.run(main());
  BOOST_TEST(ran);
}

BOOST_AUTO_TEST_CASE(a_failure_that_nobody_awaited_is_reported_with_the_place_of_the_spawn) {
  stage s;
  auto main = []() -> task<void> {
    spawn(failing("lost"), {"loser"});
    co_await sleep(2s);
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK002");
  BOOST_TEST(incidents[0].who == "loser");
  BOOST_TEST(to_string(incidents[0].where).find("task_handle_test.cpp") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(tasks_are_spawned_from_outside_between_polls) {
  stage s(manual_clock::mode::by_hand);
  auto work = spawn(s.runtime, after_a_while(3));
  s.advance(1s);
  BOOST_TEST(work.result() == 3);
}

BOOST_AUTO_TEST_CASE(a_task_returned_by_a_task_is_handed_over_as_it_is) {  // covers TSK-070
  stage s;
  auto maker = []() -> task<task<int>> { co_return after_a_while(6); };
  auto main = [&]() -> task<void> {
    auto inner = co_await maker();
    BOOST_TEST(co_await std::move(inner) == 6);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_frame_is_gone_when_its_task_has_ended_also_while_handles_exist) {
  stage s;
  int alive = 0;
  auto body = [](instance) -> task<int> {
    co_await yield();
    co_return 1;
  };
  auto main = [&]() -> task<void> {
    auto work = spawn(body(instance(alive)));
    co_await work;
    BOOST_TEST(alive == 0);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(eager_start_)

task<int> noting(journal& log, std::string name, bool suspends) {
  log.push_back(name + " begins");
  if (suspends) co_await sleep(1s);
  log.push_back(name + " ends");
  co_return 5;
}

std::string running_actor() { return here.actor->title(); }

// covers EAG-003, EAG-004, EAG-013
BOOST_AUTO_TEST_CASE(the_first_step_runs_inside_the_spawn_and_may_be_all) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto at_once = spawn(noting(log, "a", false), {.eager = true});
    BOOST_TEST(at_once.done());
    BOOST_TEST(at_once.result() == 5);
    auto later = spawn(noting(log, "b", true), {.eager = true});
    BOOST_TEST(!later.done());
    auto lazy = spawn(noting(log, "c", false));
    log.emplace_back("spawned");
    BOOST_TEST(co_await later == 5);
    BOOST_TEST(co_await lazy == 5);
  };
  s.run(main());
  const journal expected{"a begins", "a ends", "b begins", "spawned",
                         "c begins", "c ends", "b ends"};
  BOOST_TEST(log == expected, boost::test_tools::per_element());
}

// covers EAG-001
BOOST_AUTO_TEST_CASE(eager_start_can_be_the_runtimes_default) {
  stage s(runtime_options{.eager_tasks = true});
  journal log;
  auto main = [&]() -> task<void> {
    BOOST_TEST(runtime::current().options().eager_tasks);
    task_handle<int> eager = spawn(noting(log, "a", false));
    BOOST_TEST(eager.done());
    auto lazy = spawn(noting(log, "b", false), {.eager = false});
    BOOST_TEST(!lazy.done());
    BOOST_TEST(co_await lazy == 5);
  };
  s.run(main());
}

// covers EAG-002
BOOST_AUTO_TEST_CASE(what_the_first_step_completes_is_complete_after_the_spawn) {
  stage s;
  auto main = []() -> task<void> {
    event ready;
    auto child = [](event e) -> task<void> {
      e.set();
      co_await sleep(1s);
    };
    auto work = spawn(child(ready), {.eager = true});
    BOOST_TEST(ready.is_set());
    co_await work;
  };
  s.run(main());
}

// covers EAG-005, COB-010
BOOST_AUTO_TEST_CASE(one_that_ended_in_the_spawn_cannot_be_cancelled_and_keeps_what_it_ended_with) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto good = spawn(noting(log, "a", false), {.eager = true});
    BOOST_TEST(!good.cancel());
    BOOST_TEST(co_await good == 5);
    auto bad = []() -> task<int> {
      throw std::runtime_error("at once");
      co_return 0;
    };
    auto failed = spawn(bad(), {.eager = true});
    BOOST_TEST(failed.done());
    BOOST_CHECK_THROW(failed.result(), std::runtime_error);
    BOOST_CHECK_THROW(co_await failed, std::runtime_error);
  };
  s.run(main());
}

// covers EAG-006
BOOST_AUTO_TEST_CASE(one_that_suspended_can_be_cancelled_with_a_message) {
  stage s;
  auto main = []() -> task<void> {
    std::uint32_t counted = 0;
    auto body = [&]() -> task<void> {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        counted = here.stack->cancelling();
        throw;
      }
    };
    auto work = spawn(body(), {.eager = true});
    BOOST_TEST(work.cancel("payload"));
    std::string message;
    try {
      co_await work;
    } catch (const cancelled& c) {
      message = c.message();
    }
    BOOST_TEST(message == "payload");
    BOOST_TEST(counted == 1U);
  };
  s.run(main());
}

// covers EAG-007
BOOST_AUTO_TEST_CASE(during_its_first_step_the_child_is_the_current_task) {
  stage s;
  auto main = []() -> task<void> {
    const auto parent = running_actor();
    auto* stack = here.stack;
    std::string child;
    auto body = [&]() -> task<void> {
      child = running_actor();
      BOOST_TEST(here.stack != stack);
      co_await yield();
    };
    auto work = spawn(body(), {"the child", true});
    BOOST_TEST(child == "task \"the child\"");
    BOOST_TEST(running_actor() == parent);
    BOOST_TEST(here.stack == stack);
    co_await work;
  };
  s.run(main());
}

bool listed(const std::string& name) {
  for (const auto& each : runtime::current().all_tasks())
    if (each.name == "task \"" + name + "\"") return true;
  return false;
}

// covers EAG-008, EAG-009
BOOST_AUTO_TEST_CASE(it_is_listed_from_its_first_step_to_its_end) {
  stage s;
  auto main = []() -> task<void> {
    bool seen = false;
    auto body = [&](bool suspends) -> task<void> {
      seen = listed("child");
      if (suspends) co_await sleep(1s);
    };
    spawn(body(false), {"child", true});
    BOOST_TEST(seen);
    BOOST_TEST(!listed("child"));
    auto work = spawn(body(true), {"child", true});
    BOOST_TEST(listed("child"));
    co_await work;
    BOOST_TEST(!listed("child"));
  };
  s.run(main());
}

task<int> nested(int levels) {
  if (levels == 0) co_return 0;
  co_return 1 + co_await spawn(nested(levels - 1), {.eager = true});
}

BOOST_AUTO_TEST_CASE(a_long_chain_of_eager_spawns_does_not_exhaust_the_stack) {
  stage s;
  BOOST_TEST(s.run(nested(20'000)) == 20'000);
}

BOOST_AUTO_TEST_CASE(messages_and_wake_ups_reach_a_task_that_began_eagerly) {
  for (const unsigned workers : {1U, 3U}) {
    stage s(runtime_options{.workers = workers});
    auto main = []() -> task<void> {
      for (int i = 0; i != 300; ++i) {
        event go;
        auto body = [](event e) -> task<int> {
          co_await e.wait();
          co_return 1;
        };
        auto work = spawn(body(go), {.eager = true});
        go.set();
        BOOST_REQUIRE(co_await work == 1);
      }
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
