#include <buskin/runtime/shutdown_report.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/child_process.hpp"
#include "support/stage.hpp"
#include "support/start.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::child_process;
using buskin::test::stage;
using buskin::test::start;

task<void> stubborn() {
  for (;;) {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
    }
  }
}

task<void> obedient() { co_await sleep(1h); }

BOOST_AUTO_TEST_SUITE(shutdown_report_)

BOOST_AUTO_TEST_CASE(it_names_the_phases_in_their_order) {
  stage s(manual_clock::mode::by_hand);
  start(s.runtime, obedient());
  start(s.runtime, obedient());
  s.settle();
  const auto& report = s.runtime.shutdown();
  BOOST_TEST(report.clean());
  BOOST_REQUIRE(report.phases.size() == 5U);
  BOOST_TEST(report.phases[0].name == "acceptors");
  BOOST_TEST(report.phases[1].name == "supervisors");
  BOOST_TEST(report.phases[2].name == "tasks");
  BOOST_TEST(report.phases[2].asked == 2U);
  BOOST_TEST(report.phases[2].left == 0U);
  BOOST_TEST(!report.phases[2].late());
  BOOST_TEST(report.phases[3].name == "left over");
  BOOST_TEST(report.phases[4].name == "executors");
  const auto text = to_string(report);
  BOOST_TEST(text.find("shutdown took ") == 0U);
  BOOST_TEST(text.find("tasks 2 in ") != std::string::npos);
  BOOST_TEST(text.find("acceptors") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(it_tells_all_of_a_straggler) {
  runtime_options options;
  manual_clock clock(manual_clock::mode::by_hand);
  options.clock = &clock;
  options.signals = signal_handling::none;
  options.shutdown_timeout = 20ms;
  runtime owner(options);
  const auto task = start(owner, stubborn(), "stubborn");
  owner.poll();
  caf::anon_send(task.handle(), 1);
  caf::anon_send(task.handle(), 2);
  owner.poll();
  clock.advance(3s);
  owner.poll();
  const auto& report = owner.shutdown();
  BOOST_REQUIRE(report.stragglers.size() == 1U);
  const auto& straggler = report.stragglers[0];
  BOOST_TEST(straggler.name == "task \"stubborn\"");
  BOOST_REQUIRE(straggler.waiting.has_value());
  BOOST_CHECK(straggler.waiting->kind == wait_kind::sleep);
  BOOST_TEST(straggler.queued == 2U);
  BOOST_TEST(!straggler.busy);
  BOOST_REQUIRE(report.phases.size() == 6U);
  BOOST_TEST(report.phases[2].late());
  BOOST_TEST(report.phases[2].left == 1U);
  BOOST_TEST(report.phases[4].name == "killed");
  BOOST_TEST(report.phases[4].left == 0U);
  const auto text = to_string(report);
  for (const auto* part : {"tasks 1 in ", "1 still alive", "killed 1 in ", "stubborn",
                           "shutdown_report_test.cpp", "a point in time", "2 messages queued"})
    BOOST_TEST(text.find(part) != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(a_straggler_on_any_worker_does_not_keep_the_shutdown_from_its_end) {
  for (const unsigned workers : {1U, 2U, 3U}) {
    runtime_options options;
    options.workers = workers;
    options.signals = signal_handling::none;
    options.shutdown_timeout = 20ms;
    runtime owner(options);
    for (int i = 0; i != 3; ++i) start(owner, stubborn());
    owner.poll_for(5ms);
    const auto& report = owner.shutdown();
    BOOST_TEST(report.stragglers.size() == 3U);
    BOOST_TEST(report.abandoned.empty());
  }
}

/// The exit status of a program whose main task yields `result` and leaves `left` behind.
int status_of(int result, std::function<task<void>()> left, runtime_options options = {}) {
  child_process program([&](auto) {
    options.signals = signal_handling::none;
    options.shutdown_timeout = 20ms;
    auto main = [&]() -> task<int> {
      if (left) start(runtime::current(), left());
      co_await yield();
      co_return result;
    };
    return run(main(), options);
  });
  return program.wait();
}

// A7 of the faults, a real run. Catches: a forced end that looks like a good one to whoever started
// the program.
BOOST_AUTO_TEST_CASE(a_program_that_had_to_kill_somebody_says_so_by_its_exit_status) {
  const auto obedient = []() -> task<void> { co_await sleep(1h); };
  const auto busy = []() -> task<void> {
    for (;;) {
      try {
        co_await yield();
      } catch (const cancelled&) {
      }
    }
  };
  BOOST_TEST(status_of(0, nullptr) == 0);
  BOOST_TEST(status_of(0, obedient) == 0);
  for (const std::function<task<void>()>& left : {std::function<task<void>()>(stubborn), {busy}}) {
    BOOST_TEST(status_of(0, left) == 70);
    BOOST_TEST(status_of(3, left) == 3);
    BOOST_TEST(status_of(0, left, {.forced_exit_status = 5}) == 5);
    BOOST_TEST(status_of(0, left, {.forced_exit_status = 0}) == 0);
  }
}

task<void> slow_to_clean_up() {
  try {
    co_await sleep(1h);
  } catch (const cancelled&) {
  }
  co_await sleep(30ms);
}

BOOST_AUTO_TEST_CASE(a_phase_without_a_limit_of_its_own_has_the_time_of_all) {
  runtime_options options;
  options.signals = signal_handling::none;
  runtime owner(options);
  start(owner, slow_to_clean_up());
  owner.poll();
  const auto& report = owner.shutdown();
  BOOST_TEST(report.clean());
  BOOST_TEST(!report.phases[2].late());
  BOOST_CHECK(report.phases[2].took >= 30ms);
  BOOST_CHECK(report.phases[2].limit > 9s);
}

BOOST_AUTO_TEST_CASE(a_phase_may_have_a_limit_of_its_own) {
  runtime_options options;
  options.signals = signal_handling::none;
  options.shutdown_timeout = 10s;
  options.phase_timeouts.tasks = 5ms;
  runtime owner(options);
  start(owner, slow_to_clean_up());
  owner.poll();
  const auto& report = owner.shutdown();
  BOOST_TEST(report.clean());
  BOOST_TEST(report.phases[2].late());
  BOOST_CHECK(report.phases[2].limit <= 5ms);
  BOOST_TEST(!report.phases[3].late());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
