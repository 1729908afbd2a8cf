// Running, callbacks, shutdown, signals.
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/child_process.hpp"
#include "support/instances.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::child_process;
using buskin::test::instance;
using buskin::test::journal;
using buskin::test::stage;

runtime_options quiet() {
  runtime_options options;
  options.signals = signal_handling::none;
  return options;
}

void start(task<void> body, std::string name = {},
           std::source_location where = std::source_location::current()) {
  detail::start_task(runtime::current(), std::move(body), {std::move(name)}, where);
}

task<int> answer() { co_return 42; }

task<void> sleep_for_a_day() { co_await sleep(24h); }

BOOST_AUTO_TEST_SUITE(runtime_)

// -- running ------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(run_returns_what_main_returns) { BOOST_TEST(run(answer(), quiet()) == 42); }

BOOST_AUTO_TEST_CASE(the_environment_can_let_the_time_of_any_program_jump) {
  child_process child([](auto) {
    ::setenv("BUSKIN_CLOCK", "jump", 1);
    const auto began = std::chrono::steady_clock::now();
    run(sleep_for_a_day(), quiet());
    if (std::chrono::steady_clock::now() - began > 1h) return 1;
    ::setenv("BUSKIN_CLOCK", "sundial", 1);
    try {
      run(sleep_for_a_day(), quiet());
    } catch (const std::invalid_argument& refusal) {
      return std::string(refusal.what()).find("\"sundial\"") == std::string::npos ? 2 : 0;
    }
    return 3;
  });
  BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_CASE(run_until_complete_leaves_the_others_as_they_are) {
  stage s;
  int turns = 0;
  auto other = [&]() -> task<void> {
    for (;;) {
      ++turns;
      co_await sleep(1s);
    }
  };
  auto main = [&]() -> task<void> {
    start(other());
    co_await sleep(1500ms);
  };
  s.run(main());
  BOOST_TEST(turns == 2);
  BOOST_TEST(s.runtime.alive() == 1U);
  auto again = []() -> task<void> { co_await sleep(1s); };
  s.run(again());
  BOOST_TEST(turns == 3);
}

BOOST_AUTO_TEST_CASE(
    run_inside_a_running_task_is_refused_and_does_not_run_the_coroutine) {  // covers RUN-005
  stage s;
  bool ran = false;
  auto inner = [&]() -> task<void> {
    ran = true;
    co_return;
  };
  auto main = [&]() -> task<void> {
    BOOST_CHECK_THROW(run(inner(), quiet()), invalid_state);
    BOOST_CHECK_THROW(runtime::current().run_until_complete(inner()), invalid_state);
    BOOST_CHECK_THROW(runtime::current().poll(), invalid_state);
    co_await sleep(1ms);
  };
  s.run(main());
  BOOST_TEST(!ran);
}

BOOST_AUTO_TEST_CASE(after_a_shutdown_nothing_runs_any_more) {  // covers BAS-003, RUN-014, RUN-015
  stage s;
  BOOST_TEST(s.run(answer()) == 42);
  s.runtime.shutdown();
  s.runtime.shutdown();
  BOOST_CHECK_THROW(s.run(answer()), invalid_state);
}

BOOST_AUTO_TEST_CASE(step_resumes_one_actor_in_the_order_of_the_queue) {
  stage s(manual_clock::mode::by_hand);
  journal log;
  auto talker = [&](std::string name) -> task<void> {
    log.push_back(name + "1");
    co_await yield();
    log.push_back(name + "2");
  };
  detail::start_task(s.runtime, talker("a"), {}, std::source_location::current());
  detail::start_task(s.runtime, talker("b"), {}, std::source_location::current());
  BOOST_TEST(s.runtime.step());
  BOOST_TEST(log == (journal{"a1"}), boost::test_tools::per_element());
  BOOST_TEST(s.runtime.step());
  BOOST_TEST(s.runtime.step());
  BOOST_TEST(log == (journal{"a1", "b1", "a2"}), boost::test_tools::per_element());
  while (s.runtime.step()) {
  }
  BOOST_TEST(log.size() == 4U);
}

BOOST_AUTO_TEST_CASE(poll_does_what_is_possible_and_does_not_wait) {  // covers BAS-025
  stage s(manual_clock::mode::by_hand);
  bool done = false;
  auto body = [&]() -> task<void> {
    co_await sleep(1s);
    done = true;
  };
  BOOST_TEST(!s.runtime.poll());
  detail::start_task(s.runtime, body(), {}, std::source_location::current());
  BOOST_TEST(s.runtime.poll());
  BOOST_TEST(!s.runtime.poll());
  s.clock.advance(1s);
  BOOST_TEST(s.runtime.poll());
  BOOST_TEST(done);
}

BOOST_AUTO_TEST_CASE(there_is_no_current_runtime_outside_of_one) {  // covers TSK-072
  BOOST_CHECK_THROW(runtime::current(), invalid_state);
  stage s;
  auto main = [&]() -> task<void> {
    BOOST_TEST(&runtime::current() == &s.runtime);
    co_return;
  };
  s.run(main());
  BOOST_CHECK_THROW(runtime::current(), invalid_state);
}

BOOST_AUTO_TEST_CASE(a_runtime_without_or_with_too_many_workers_is_refused) {
  for (unsigned workers : {0U, 65U}) {
    auto options = quiet();
    options.workers = workers;
    BOOST_CHECK_THROW(runtime{options}, std::invalid_argument);
  }
}

BOOST_AUTO_TEST_CASE(
    several_runtimes_live_in_several_threads_and_see_their_own_tasks_only) {  // covers FTH-001
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i != 10; ++i)
    threads.emplace_back([&right] {
      runtime owner(quiet());
      int ended = 0;
      auto child = [&]() -> task<void> {
        co_await sleep(1ms);
        ++ended;
      };
      auto main = [&]() -> task<bool> {
        for (int n = 0; n != 100; ++n) start(child());
        const bool all = owner.all_tasks().size() == 101U && &runtime::current() == &owner;
        while (ended != 100) co_await sleep(1ms);
        co_return all;
      };
      if (owner.run(main())) ++right;
    });
  for (auto& thread : threads) thread.join();
  BOOST_TEST(right == 10);
}

BOOST_AUTO_TEST_CASE(a_runtime_can_be_made_and_left_inside_of_another) {
  stage s;
  auto main = []() -> task<void> {
    {
      runtime inner(quiet());
      detail::start_task(inner, answer(), {}, std::source_location::current());
    }
    co_await sleep(1ms);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_task_actor_may_outlive_its_runtime_in_another_thread) {  // covers FTH-003
  lean_ref<detail::task_actor<int>> left;
  lean_ref<detail::task_actor<int>> failed;
  auto failing = []() -> task<int> {
    throw std::runtime_error("expected in the log of this test");
    co_return 0;
  };
  {
    runtime owner(quiet());
    left = detail::start_task(owner, answer(), {}, std::source_location::current());
    failed = detail::start_task(owner, failing(), {}, std::source_location::current());
    owner.poll();
  }
  std::thread([&] {
    BOOST_TEST(left->result<false>() == 42);
    left = {};
    failed->mark_fetched();
    failed = {};
  }).join();
}

// -- callbacks ----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(
    callbacks_run_first_in_first_out_and_those_they_ask_for_come_later) {  // covers BAS-011
  stage s(manual_clock::mode::by_hand);
  journal log;
  s.runtime.call_soon([&] {
    log.emplace_back("1");
    s.runtime.call_soon([&] { log.emplace_back("3"); });
  });
  s.runtime.call_soon([&] { log.emplace_back("2"); });
  s.settle();
  BOOST_TEST(log == (journal{"1", "2", "3"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(
    timed_callbacks_run_at_their_time_and_negative_delays_at_once) {  // covers BAS-007, BAS-009
  stage s(manual_clock::mode::by_hand);
  journal log;
  s.runtime.call_later(2s, [&] { log.emplace_back("2s"); });
  s.runtime.call_at(s.runtime.now() + 1s, [&] { log.emplace_back("1s"); });
  s.runtime.call_later(-1s, [&] { log.emplace_back("-1s"); });
  s.runtime.call_later(-2s, [&] { log.emplace_back("-2s"); });
  s.settle();
  BOOST_TEST(log == (journal{"-2s", "-1s"}), boost::test_tools::per_element());
  s.advance(1s);
  BOOST_TEST(log.size() == 3U);
  s.advance(1s);
  BOOST_TEST(log == (journal{"-2s", "-1s", "1s", "2s"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(
    a_cancelled_callback_does_not_run_and_lets_go_of_what_it_holds) {  // covers BAS-004, EVT-040
  stage s(manual_clock::mode::by_hand);
  int alive = 0;
  auto handle =
      s.runtime.call_later(1s, [held = instance(alive)] { BOOST_ERROR("was cancelled"); });
  auto copy = handle;
  BOOST_TEST(alive == 1);
  BOOST_TEST(handle.cancel());
  BOOST_TEST(alive == 0);
  BOOST_TEST(!handle.cancel());
  BOOST_TEST(!copy.cancel());
  BOOST_TEST(!timer_handle().cancel());
  s.advance(2s);
}

BOOST_AUTO_TEST_CASE(a_callback_that_is_to_be_made_soon_can_be_cancelled_until_it_runs) {
  stage s(manual_clock::mode::by_hand);
  s.advance(5s);
  int alive = 0;
  journal log;
  auto first = s.runtime.call_soon([&] { log.emplace_back("first"); });
  auto second = s.runtime.call_soon([held = instance(alive)] { BOOST_ERROR("it was cancelled"); });
  auto third = s.runtime.call_soon_threadsafe([&] { log.emplace_back("third"); });
  BOOST_CHECK(second.when() == s.clock.now());
  BOOST_TEST(alive == 1);
  bool prevented = false;
  std::thread([&] { prevented = second.cancel(); }).join();
  BOOST_TEST(prevented);
  BOOST_TEST(alive == 0);
  BOOST_TEST(!second.cancel());
  s.settle();
  BOOST_TEST(log == (journal{"first", "third"}), boost::test_tools::per_element());
  BOOST_TEST(!first.cancel());
  // In the turn before its own.
  timer_handle victim;
  s.runtime.call_soon([&] { BOOST_TEST(victim.cancel()); });
  victim = s.runtime.call_soon([held = instance(alive)] { BOOST_ERROR("it was cancelled"); });
  s.settle();
  BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(the_handle_of_a_callback_may_outlive_its_runtime) {
  int alive = 0;
  timer_handle soon;
  timer_handle later;
  {
    stage s(manual_clock::mode::by_hand);
    s.settle();
    later = s.runtime.call_later(1h, [held = instance(alive)] {});
    s.runtime.shutdown();
    BOOST_CHECK_THROW(s.runtime.call_soon([] {}), invalid_state);
  }
  {
    // One that is in line when the runtime goes.
    stage s(manual_clock::mode::by_hand);
    s.runtime.stop();
    s.runtime.call_soon([&] { soon = s.runtime.call_soon([held = instance(alive)] {}); });
    s.runtime.run_forever();
    BOOST_TEST(alive == 1);
  }
  BOOST_TEST(alive == 0);
  BOOST_TEST(!soon.cancel());
  BOOST_TEST(!later.cancel());
}

BOOST_AUTO_TEST_CASE(a_callback_that_is_due_can_be_cancelled_until_it_runs) {
  stage s(manual_clock::mode::by_hand);
  journal log;
  timer_handle second;
  s.runtime.call_later(1s, [&] {
    log.emplace_back("first");
    BOOST_TEST(second.cancel());
  });
  second = s.runtime.call_later(1s, [&] { log.emplace_back("second"); });
  s.advance(1s);
  BOOST_TEST(log == (journal{"first"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_callback_that_never_came_is_released_with_the_runtime) {
  int alive = 0;
  {
    stage s(manual_clock::mode::by_hand);
    for (int i = 0; i != 500; ++i) s.runtime.call_later(1s, [held = instance(alive)] {});
    s.advance(1s);
    BOOST_TEST(alive == 0);
    s.runtime.call_later(1h, [held = instance(alive)] {});
    BOOST_TEST(alive == 1);
  }
  BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(
    a_callback_that_throws_is_reported_with_its_place_and_the_loop_goes_on) {  // covers BAS-017,
                                                                               // FU2-003
  stage s(manual_clock::mode::by_hand);
  bool later = false;
  s.runtime.call_soon([] { throw std::runtime_error("oh"); });
  s.runtime.call_later(1s, [] { throw std::runtime_error("later"); });
  s.runtime.call_later(1s, [&] { later = true; });
  s.advance(1s);
  BOOST_TEST(later);
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 2U);
  BOOST_TEST(incidents[0].code == "BK003");
  BOOST_TEST(incidents[0].text.find("oh") != std::string::npos);
  BOOST_TEST(to_string(incidents[0].where).find("runtime_test.cpp") != std::string::npos);
  BOOST_TEST(incidents[1].text.find("later") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_exception_handler_that_throws_does_no_harm) {  // covers BAS-020
  stage s(manual_clock::mode::by_hand);
  int told = 0;
  s.runtime.set_exception_handler([&](const incident&) {
    ++told;
    throw std::runtime_error("the handler itself");
  });
  s.runtime.call_soon([] { throw std::runtime_error("expected in the log of this test"); });
  s.settle();
  BOOST_TEST(told == 1);
  BOOST_TEST(s.run(answer()) == 42);
}

BOOST_AUTO_TEST_CASE(another_thread_may_call_soon_while_the_loop_sleeps) {
  runtime owner(quiet());
  std::atomic<bool> called{false};
  auto main = [&]() -> task<void> {
    while (!called) co_await sleep(1ms);
  };
  std::thread other([&] { owner.call_soon([&] { called = true; }); });
  owner.run(main());
  other.join();
}

// -- what is alive --------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_list_of_tasks_names_each_with_its_place_and_what_it_waits_for) {
  stage s(manual_clock::mode::by_hand);
  auto body = []() -> task<void> { co_await sleep(10s); };
  detail::start_task(s.runtime, body(), {"sleepy"}, std::source_location::current());
  s.advance(0s);
  s.clock.advance(2s);
  const auto all = s.runtime.all_tasks();
  BOOST_REQUIRE(all.size() == 1U);
  BOOST_TEST(all[0].name.find("sleepy") != std::string::npos);
  BOOST_REQUIRE(all[0].waiting.has_value());
  BOOST_CHECK(all[0].waiting->kind == wait_kind::sleep);
  const auto text = to_string(all[0], s.runtime.now());
  BOOST_TEST(text.find("2.000 s") != std::string::npos);
  BOOST_TEST(text.find("8.000 s more at most") != std::string::npos);
  BOOST_TEST(text.find("runtime_test.cpp:") != std::string::npos);
}

// -- shutdown -------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(shutdown_cancels_what_is_left_and_waits_for_its_cleanup) {  // covers AIO-010
  int cleaned = 0;
  auto left = [&]() -> task<void> {
    std::exception_ptr interrupted;
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      interrupted = std::current_exception();
    }
    co_await sleep(10ms);
    ++cleaned;
    std::rethrow_exception(interrupted);
  };
  {
    stage s;
    auto main = [&]() -> task<void> {
      for (int i = 0; i != 3; ++i) start(left());
      co_await yield();
    };
    s.runtime.run(main());
    BOOST_TEST(cleaned == 3);
  }
}

// covers RUN-007
BOOST_AUTO_TEST_CASE(
    a_left_over_task_that_fails_in_its_cleanup_is_reported_and_main_keeps_its_value) {
  stage s;
  auto left = [&]() -> task<void> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      throw std::runtime_error("cleanup failed");
    }
  };
  auto main = [&]() -> task<int> {
    start(left(), "left");
    co_await yield();
    co_return 5;
  };
  BOOST_TEST(s.runtime.run(main()) == 5);
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].who == "left");
  BOOST_TEST(incidents[0].text.find("cleanup failed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_task_that_ignores_cancellation_is_named_and_killed) {
  manual_clock clock;
  auto options = quiet();
  options.clock = &clock;
  options.shutdown_timeout = 30ms;
  int alive = 0;
  runtime owner(options);
  auto stubborn = [](instance) -> task<void> {
    for (;;) {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
      }
    }
  };
  auto main = [&]() -> task<void> {
    start(stubborn(instance(alive)), "stubborn");
    co_await yield();
  };
  owner.run_until_complete(main());
  const auto& report = owner.shutdown();
  BOOST_TEST(!report.clean());
  BOOST_REQUIRE(report.stragglers.size() == 1U);
  BOOST_TEST(report.abandoned.empty());
  const auto text = to_string(report);
  BOOST_TEST(text.find("stubborn") != std::string::npos);
  BOOST_TEST(text.find("a point in time") != std::string::npos);
  BOOST_TEST(text.find("runtime_test.cpp:") != std::string::npos);
  BOOST_TEST(owner.alive() == 0U);
  BOOST_TEST(alive == 0);
}

class trapping : public caf::event_based_actor {
 public:
  explicit trapping(caf::actor_config& config) : caf::event_based_actor(config) {
    set_exit_handler([](caf::exit_msg&) {});
  }
  caf::behavior make_behavior() override {
    return {[](int) {}};
  }
  const char* name() const override { return "trapping"; }
};

BOOST_AUTO_TEST_CASE(a_caf_actor_that_traps_exits_is_named_and_killed) {
  auto options = quiet();
  options.shutdown_timeout = 30ms;
  runtime owner(options);
  const auto held = owner.system().spawn<trapping>();  // CAF ends actors that nobody refers to
  owner.poll();
  const auto& report = owner.shutdown();
  BOOST_REQUIRE(report.stragglers.size() == 1U);
  BOOST_TEST(report.stragglers[0].name == "trapping");
  BOOST_TEST(owner.alive() == 0U);
}

BOOST_AUTO_TEST_CASE(a_task_that_starts_tasks_while_it_ends_leaves_none_behind) {
  stage s(manual_clock::mode::by_hand);
  int ended = 0;
  auto child = [&]() -> task<void> {
    try {
      co_await sleep(1h);
    } catch (...) {
      ++ended;
      throw;
    }
  };
  auto parent = [&]() -> task<void> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
    }
    start(child());
  };
  auto main = [&]() -> task<void> {
    start(parent());
    co_await yield();
  };
  s.runtime.run(main());
  BOOST_TEST(ended == 1);
}

// -- signals, for real
// ------------------------------------------------------------------------------

int child_main(const std::function<void()>& ready, int* cancelled_with, bool stubborn) {
  auto body = [&]() -> task<int> {
    ready();
    for (;;) {
      try {
        co_await sleep(1h);
      } catch (const cancelled& c) {
        if (cancelled_with != nullptr)
          *cancelled_with = c.message().find("SIGINT") != std::string::npos ? 2 : 1;
        if (!stubborn) throw;
        ready();
      }
    }
  };
  return run(body());
}

BOOST_AUTO_TEST_CASE(the_first_sigint_cancels_main_and_the_process_ends_by_the_signal) {
  child_process child([](auto ready) { return child_main(ready, nullptr, false); });
  child.await_ready();
  child.send(SIGINT);
  BOOST_TEST(child.wait() == -SIGINT);
}

BOOST_AUTO_TEST_CASE(sigterm_does_the_same) {
  child_process child([](auto ready) { return child_main(ready, nullptr, false); });
  child.await_ready();
  child.send(SIGTERM);
  BOOST_TEST(child.wait() == -SIGTERM);
}

BOOST_AUTO_TEST_CASE(the_second_sigint_ends_the_process_at_once) {
  child_process child([](auto ready) { return child_main(ready, nullptr, true); });
  child.await_ready();
  child.send(SIGINT);
  child.await_ready();
  child.send(SIGINT);
  BOOST_TEST(child.wait() == -SIGINT);
}

BOOST_AUTO_TEST_CASE(a_main_that_handles_the_interruption_ends_with_its_own_result) {
  child_process child([](auto ready) {
    auto body = [&]() -> task<int> {
      ready();
      try {
        co_await sleep(1h);
      } catch (const cancelled& c) {
        co_return c.message().find("SIGINT") != std::string::npos ? 7 : 8;
      }
      co_return 9;
    };
    return run(body());
  });
  child.await_ready();
  child.send(SIGINT);
  BOOST_TEST(child.wait() == 7);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
