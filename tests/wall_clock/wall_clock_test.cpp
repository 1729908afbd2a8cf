// M7 of the faults: the wall clock is set while the program runs. This program has a wall clock of
// its own, which it sets by days; all libraries in it ask that one. The steady clock is the
// system's.
#include <buskin/actors/ask.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/supervisor.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>
#include <buskin/runtime/to_thread.hpp>

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

namespace {

/// By how much the wall clock is wrong.
std::atomic<std::int64_t> shift_in_seconds{0};

timespec wall_clock(clockid_t which) noexcept {
  timespec now{};
  ::syscall(SYS_clock_gettime, which, &now);
  now.tv_sec += shift_in_seconds.load();
  return now;
}

}  // namespace

// What libstdc++, CAF, Asio and spdlog call: a program's own functions go before those of libc.
extern "C" int clock_gettime(clockid_t which, timespec* now) noexcept {
  if (which != CLOCK_REALTIME && which != CLOCK_REALTIME_COARSE)
    return static_cast<int>(::syscall(SYS_clock_gettime, which, now));
  *now = wall_clock(which);
  return 0;
}
extern "C" int gettimeofday(timeval* now, void*) noexcept {
  const timespec wall = wall_clock(CLOCK_REALTIME);
  *now = {wall.tv_sec, wall.tv_nsec / 1000};
  return 0;
}
extern "C" time_t time(time_t* now) noexcept {
  const time_t wall = wall_clock(CLOCK_REALTIME).tv_sec;
  if (now != nullptr) *now = wall;
  return wall;
}

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;
using wall = std::chrono::system_clock;

/// Sets the wall clock for the length of a scope.
class set_clock {
 public:
  explicit set_clock(std::chrono::seconds by) { shift_in_seconds += (by_ = by).count(); }
  ~set_clock() { shift_in_seconds -= by_.count(); }
  set_clock(const set_clock&) = delete;
  set_clock& operator=(const set_clock&) = delete;

 private:
  std::chrono::seconds by_{};
};

const auto jumps = {std::chrono::seconds(1h), std::chrono::seconds(-1h), std::chrono::seconds(24h),
                    std::chrono::seconds(-24h)};

runtime_options quiet(unsigned workers) {
  runtime_options options;
  options.workers = workers;
  options.signals = signal_handling::none;
  return options;
}

/// As long as it should, and not an hour: bounds that no busy machine breaks.
void check_length(steady::time_point began, duration expected, const char* what) {
  const auto took = steady::now() - began;
  BOOST_TEST((took >= expected - 1ms), what << " was too short");
  BOOST_TEST((took < expected + 20s), what << " was too long");
}

BOOST_AUTO_TEST_SUITE(wall_clock_)

BOOST_AUTO_TEST_CASE(the_wall_clock_of_this_program_can_be_set) {
  const auto before = wall::now();
  const auto began = steady::now();
  const set_clock later(1h);
  BOOST_TEST((wall::now() - before >= 1h));
  BOOST_TEST((steady::now() - began < 1min));
}

BOOST_AUTO_TEST_CASE(no_timer_cares_for_the_wall_clock) {
  for (const unsigned workers : {1U})  // checks are for one thread only
    for (const auto jump : jumps) {
      auto main = [jump]() -> task<void> {
        auto& loop = runtime::current();
        const auto made = steady::now();
        auto ticks = loop.every(10ms, [] {});
        bool called = false;
        loop.call_later(40ms, [&called] { called = true; });
        auto never = loop.call_later(30min, [] { BOOST_ERROR("half an hour has not passed"); });
        const queue<int> empty;
        auto waiting = spawn(timeout(30min, [&empty] { return empty.get(); }), {"waiting"});
        auto asking = loop.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
          self->delayed_send(self, std::chrono::milliseconds(20), 1);
          self->delayed_send(self, std::chrono::minutes(30), 2);
          return {[self](int which) {
            BOOST_TEST(which == 1);
            self->quit();
          }};
        });
        co_await sleep(5ms);
        const auto began = steady::now();
        const set_clock set(jump);
        co_await sleep(50ms);
        check_length(began, 50ms, "a sleep");
        // On a busy machine all of these may be due at once; what counts is that they come.
        while (!called || ticks.ticks() == 0) co_await sleep(1ms);
        check_length(made, 40ms, "a callback");
        const auto grid = static_cast<std::uint64_t>((steady::now() - made) / 10ms) + 1;
        BOOST_TEST(ticks.ticks() + ticks.skipped() <= grid);  // no burst
        BOOST_TEST(!waiting.done());
        const auto timed = steady::now();
        BOOST_CHECK_THROW(co_await timeout(20ms, [&] { return empty.get(); }), timeout_error);
        check_length(timed, 20ms, "a timeout");
        const auto asked = steady::now();
        BOOST_CHECK_THROW(co_await ask<int>(asking, 20ms, "no such message"), std::exception);
        check_length(asked, 0ms, "a request");
        never.cancel();
        ticks.cancel();
        waiting.cancel();
      };
      run(main(), quiet(workers));
    }
}

BOOST_AUTO_TEST_CASE(neither_do_threads_that_wait_nor_restarts_nor_a_shutdown) {
  for (const auto jump : jumps) {
    auto options = quiet(2);
    options.shutdown_timeout = 50ms;
    runtime loop(options);
    auto background = loop.run_in_background();
    auto slow = loop.submit(
        []() -> task<void> {
          for (;;) {
            try {
              co_await sleep(1h);
            } catch (const cancelled&) {
            }
          }
        }(),
        "deaf");
    const auto restarts = [](std::chrono::seconds by) -> task<void> {
      child_spec child;
      child.id = "child";
      std::atomic<int> starts{0};
      child.start = [&starts]() -> task<void> {
        ++starts;
        throw std::runtime_error("no");
        co_return;
      };
      child.backoff.initial = 20ms;
      child.backoff.jitter = 0;
      supervisor_options patient;
      patient.intensity = supervisor_options::unlimited;
      patient.failed_start = failed_start::retry;
      supervisor sup({child}, patient);
      const set_clock set(by);
      const auto began = steady::now();
      while (starts < 3) co_await sleep(1ms);
      check_length(began, 20ms, "a back-off");
      sup.stop();
      static_cast<void>(co_await monitor(sup.actor()));
    };
    loop.submit(restarts(jump)).get();
    const set_clock set(jump);
    const auto began = steady::now();
    BOOST_TEST(!slow.wait_for(30ms));
    check_length(began, 30ms, "a thread's wait");
    BOOST_CHECK_THROW(slow.get(30ms), timeout_error);
    background.stop();
    const auto ending = steady::now();
    const auto& report = loop.shutdown();
    BOOST_TEST(report.stragglers.size() == 1U);
    check_length(ending, 50ms, "a shutdown");
    BOOST_TEST((report.took < 20s));
  }
}

/// Keeps the times of what is logged.
class times final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::vector<wall::time_point> all;  // read when nobody logs

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override { all.push_back(message.time); }
  void flush_() override {}
};

BOOST_AUTO_TEST_CASE(what_is_logged_has_the_time_of_the_wall_clock) {
  auto before = spdlog::default_logger();
  auto sink = std::make_shared<times>();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("times", sink));
  const auto report_an_incident = [] {
    auto main = []() -> task<void> {
      runtime::current().call_soon([] { throw std::runtime_error("for the log"); });
      co_await sleep(1ms);
    };
    run(main(), quiet(1));
  };
  report_an_incident();
  {
    const set_clock tomorrow(24h);
    report_an_incident();
  }
  report_an_incident();
  spdlog::set_default_logger(before);
  BOOST_REQUIRE(sink->all.size() == 3U);
  BOOST_TEST((sink->all[1] - sink->all[0] >= 24h));
  BOOST_TEST((sink->all[2] - sink->all[0] < 1h));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
