// runtime: run_forever, stop, poll_for, what is refused when, and the loop of a host.
#include <buskin/runtime/current_task.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/child_process.hpp"
#include "support/stage.hpp"
#include "support/start.hpp"

#include <asio/posix/stream_descriptor.hpp>

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::child_process;
using buskin::test::journal;
using buskin::test::stage;
using buskin::test::start;

runtime_options quiet() {
  runtime_options options;
  options.signals = signal_handling::none;
  return options;
}

task<int> answer() { co_return 42; }

BOOST_AUTO_TEST_SUITE(loop_)

// -- run_forever, stop ----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(it_runs_until_it_is_stopped_and_what_is_there_stays) {
  stage s;
  int ticks = 0;
  auto body = [&]() -> task<void> {
    for (;;) {
      co_await sleep(1s);
      if (++ticks == 3) runtime::current().stop();
    }
  };
  start(s.runtime, body());
  BOOST_TEST(s.runtime.run_forever() == 0);
  BOOST_TEST(ticks == 3);
  BOOST_TEST(s.runtime.alive() == 1U);
  s.runtime.call_later(1500ms, [&] { s.runtime.stop(); });
  s.runtime.run_forever();
  BOOST_TEST(ticks == 4);
}

BOOST_AUTO_TEST_CASE(a_stop_before_the_run_lets_it_run_one_round) {  // covers BAS-024
  stage s(manual_clock::mode::by_hand);
  journal log;
  s.runtime.call_soon([&] {
    log.emplace_back("first");
    s.runtime.call_soon([&] { log.emplace_back("asked for by the first"); });
  });
  s.runtime.stop();
  s.runtime.run_forever();
  BOOST_TEST(log == (journal{"first"}), boost::test_tools::per_element());
  s.runtime.stop();
  s.runtime.run_forever();
  BOOST_TEST(log.size() == 2U);
}

BOOST_AUTO_TEST_CASE(what_is_ready_when_it_is_stopped_is_still_done) {
  stage s(manual_clock::mode::by_hand);
  journal log;
  s.runtime.call_soon([&] {
    log.emplace_back("stops");
    s.runtime.stop();
    s.runtime.call_soon([&] { log.emplace_back("next run"); });
  });
  s.runtime.call_soon([&] { log.emplace_back("same round"); });
  s.runtime.run_forever();
  BOOST_TEST(log == (journal{"stops", "same round"}), boost::test_tools::per_element());
  s.settle();
  BOOST_TEST(log.size() == 3U);
}

BOOST_AUTO_TEST_CASE(another_thread_may_stop_a_loop_that_sleeps) {
  runtime owner(quiet());
  std::thread other;
  owner.call_soon([&] { other = std::thread([&] { owner.stop(); }); });
  owner.run_forever();
  other.join();
}

BOOST_AUTO_TEST_CASE(a_main_that_was_stopped_is_told_of_and_goes_on_in_the_next_run) {
  stage s;
  bool ended = false;
  auto body = [&]() -> task<void> {
    co_await sleep(2s);
    ended = true;
  };
  s.runtime.call_later(1s, [&] { s.runtime.stop(); });
  BOOST_CHECK_THROW(s.run(body()), invalid_state);
  BOOST_TEST(!ended);
  BOOST_TEST(s.runtime.alive() == 1U);
  auto wait = []() -> task<void> { co_await sleep(3s); };
  s.run(wait());
  BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE(run_that_is_stopped_cancels_its_main_and_says_so) {
  stage s;
  bool unwound = false;
  auto body = [&]() -> task<void> {
    try {
      co_await sleep(2s);
    } catch (const cancelled&) {
      unwound = true;
      throw;
    }
  };
  s.runtime.call_later(1s, [&] { s.runtime.stop(); });
  BOOST_CHECK_THROW(s.runtime.run(body()), invalid_state);
  BOOST_TEST(unwound);
}

BOOST_AUTO_TEST_CASE(a_run_that_was_broken_off_leaves_no_stop_behind) {  // covers BAS-015
  stage s;
  auto failing = [&]() -> task<int> {
    throw std::runtime_error("broken off");
    co_return 0;
  };
  BOOST_CHECK_THROW(s.run(failing()), std::runtime_error);
  s.runtime.call_soon([&] { s.runtime.stop(); });
  s.runtime.run_forever();
  BOOST_TEST(s.run(answer()) == 42);
}

BOOST_AUTO_TEST_CASE(poll_for_runs_for_a_length_of_time) {
  stage s;
  journal log;
  s.runtime.call_later(1s, [&] { log.emplace_back("1s"); });
  s.runtime.call_later(3s, [&] { log.emplace_back("3s"); });
  s.runtime.poll_for(2s);
  BOOST_TEST(log == (journal{"1s"}), boost::test_tools::per_element());
  BOOST_CHECK(s.clock.elapsed() == 2s);
  s.runtime.call_soon([&] { s.runtime.stop(); });
  s.runtime.poll_for(1h);
  BOOST_CHECK(s.clock.elapsed() < 1h);
}

BOOST_AUTO_TEST_CASE(poll_for_sleeps_while_there_is_nothing_to_do) {
  runtime owner(quiet());
  const auto began = std::chrono::steady_clock::now();
  owner.poll_for(20ms);
  BOOST_CHECK(std::chrono::steady_clock::now() - began >= 20ms);
  BOOST_TEST(owner.sleeps() <= 3U);
}

// -- what main may be, and what it leaves ---------------------------------------------------------

class finished_at_once {
 public:
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  int await_resume() const noexcept { return 7; }
};

BOOST_AUTO_TEST_CASE(whatever_can_be_awaited_can_be_run) {  // covers RUN-012
  stage s;
  BOOST_TEST(s.runtime.run_until_complete(finished_at_once()) == 7);
  auto given = s.runtime.submit(answer());
  BOOST_TEST(s.runtime.run_until_complete(given) == 42);
  BOOST_TEST(s.runtime.run_until_complete(given) == 42);
}

struct without_words {
  int value;
};

BOOST_AUTO_TEST_CASE(a_result_needs_no_text) {  // covers RUN-021
  stage s;
  s.runtime.set_debug(true);
  auto main = []() -> task<without_words> { co_return without_words{3}; };
  BOOST_TEST(s.run(main()).value == 3);
}

BOOST_AUTO_TEST_CASE(what_main_throws_is_not_reported_as_well) {  // covers BAS-023
  stage s;
  auto main = []() -> task<void> {
    throw std::runtime_error("told to the caller");
    co_return;
  };
  BOOST_CHECK_THROW(s.run(main()), std::runtime_error);
  BOOST_TEST(s.take_incidents().empty());
}

BOOST_AUTO_TEST_CASE(mains_error_wins_over_that_of_a_task_it_left) {
  stage s;
  auto left = []() -> task<void> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      throw std::logic_error("cleanup failed");
    }
  };
  auto main = [&]() -> task<void> {
    start(left(), "left");
    co_await yield();
    throw std::runtime_error("main failed");
  };
  BOOST_CHECK_THROW(s.runtime.run(main()), std::runtime_error);
  BOOST_TEST(s.runtime.alive() == 0U);
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].who == "left");
}

// -- what is refused ------------------------------------------------------------------------------

template <class F>
concept can_be_called_soon = requires(runtime& r, F f) {
  r.call_soon(f);
};

BOOST_AUTO_TEST_CASE(what_is_no_callback_is_refused_by_the_compiler) {  // covers BAS-008
  auto body = []() -> task<void> { co_return; };
  auto plain = [] {};
  static_assert(can_be_called_soon<decltype(plain)>);
  static_assert(!can_be_called_soon<decltype(body)>);
  static_assert(!can_be_called_soon<int>);
  static_assert(!can_be_called_soon<task<void>>);
  BOOST_TEST(true);
}

BOOST_AUTO_TEST_CASE(
    after_the_end_work_is_refused_and_taking_away_does_no_harm) {  // covers EVT-033
  stage s;
  auto handle = s.runtime.call_later(1h, [] {});
  auto ticking = s.runtime.every(1h, [] {});
  s.runtime.add_signal_handler(SIGUSR1, [] {});
  s.runtime.shutdown();
  BOOST_CHECK_THROW(s.runtime.call_soon([] {}), invalid_state);
  BOOST_CHECK_THROW(s.runtime.call_soon_threadsafe([] {}), invalid_state);
  BOOST_CHECK_THROW(s.runtime.call_later(1s, [] {}), invalid_state);
  BOOST_CHECK_THROW(s.runtime.every(1s, [] {}), invalid_state);
  BOOST_CHECK_THROW(s.runtime.add_signal_handler(SIGUSR1, [] {}), invalid_state);
  BOOST_CHECK_THROW(start(s.runtime, answer()), invalid_state);
  BOOST_CHECK_THROW(s.runtime.run_forever(), invalid_state);
  BOOST_TEST(!s.runtime.remove_signal_handler(SIGUSR1));
  BOOST_TEST(handle.cancel());
  BOOST_TEST(!ticking.cancel());
}

BOOST_AUTO_TEST_CASE(a_runtime_that_runs_cannot_be_shut_down) {
  stage s;
  auto main = [&]() -> task<int> {
    BOOST_CHECK_THROW(s.runtime.shutdown(), invalid_state);
    co_return 1;
  };
  BOOST_TEST(s.run(main()) == 1);
}

BOOST_AUTO_TEST_CASE(a_second_thread_may_not_drive_it) {
  runtime owner(quiet());
  const auto loop = owner.run_in_background();
  BOOST_CHECK_THROW(owner.poll(), invalid_state);
  BOOST_CHECK_THROW(owner.run_until_complete(answer()), invalid_state);
  BOOST_CHECK_THROW(owner.run_in_background(), invalid_state);
  BOOST_CHECK_THROW(owner.shutdown(), invalid_state);
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (int fd = 0; fd != 1024; ++fd)
    if (::fcntl(fd, F_GETFD) != -1) ++count;
  return count;
}

BOOST_AUTO_TEST_CASE(its_descriptors_go_with_it) {  // covers EVT-025
  { const runtime warm_up(quiet()); }
  const auto before = open_descriptors();
  {
    runtime owner(quiet());
    owner.set_wake_hook([] {});
    owner.poll();
    BOOST_TEST(open_descriptors() > before);
  }
  BOOST_TEST(open_descriptors() == before);
}

// -- a timed callback and other threads -----------------------------------------------------------

BOOST_AUTO_TEST_CASE(cancelling_a_callback_that_is_being_made_has_no_effect) {  // covers EVT-003
  stage s;
  bool cancelled = true;
  int calls = 0;
  timer_handle handle;
  handle = s.runtime.call_later(1s, [&] {
    std::thread([&] { cancelled = handle.cancel(); }).join();
    ++calls;
  });
  s.advance(1s);
  BOOST_TEST(!cancelled);
  BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(other_threads_may_ask_for_timed_callbacks_and_cancel_them) {
  runtime owner(quiet());
  const auto loop = owner.run_in_background();
  std::atomic<int> called{0};
  std::vector<std::thread> threads;
  for (int i = 0; i != 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n != 100; ++n) {
        auto handle = owner.call_later(n % 2 == 0 ? 0ms : 1h, [&] { ++called; });
        if (n % 2 != 0) {
          handle.cancel();
        }
      }
    });
  for (auto& thread : threads) thread.join();
  auto until = [&]() -> task<void> {
    while (called != 200) co_await sleep(1ms);
  };
  owner.submit(until()).get();
  BOOST_TEST(called == 200);
}

BOOST_AUTO_TEST_CASE(a_handle_tells_when_it_is_due) {
  stage s(manual_clock::mode::by_hand);
  const auto handle = s.runtime.call_later(3s, [] {});
  BOOST_CHECK(handle.when() == s.runtime.now() + 3s);
}

// -- the loop of a host ---------------------------------------------------------------------------

/// A host that sleeps until it is woken.
class host {
 public:
  void wake() {
    std::lock_guard guard(mutex_);
    ++wakes_;
    changed_.notify_all();
  }
  /// Waits for one more wake-up. False when none came.
  bool woken() {
    std::unique_lock guard(mutex_);
    const bool any = changed_.wait_for(guard, 5s, [this] { return wakes_ != seen_; });
    seen_ = wakes_;
    return any;
  }
  int wakes() {
    std::lock_guard guard(mutex_);
    return wakes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int wakes_ = 0;
  int seen_ = 0;
};

BOOST_AUTO_TEST_CASE(a_host_is_woken_by_other_threads_once_until_it_polls) {
  host h;  // outlives the runtime that wakes it
  stage s(manual_clock::mode::by_hand);
  s.runtime.set_wake_hook([&] { h.wake(); });
  s.settle();
  BOOST_TEST(h.wakes() == 0);
  int called = 0;
  std::thread([&] {
    for (int i = 0; i != 3; ++i) s.runtime.call_soon([&] { ++called; });
  }).join();
  BOOST_TEST(h.wakes() == 1);
  s.settle();
  BOOST_TEST(called == 3);
  s.runtime.call_soon([] {});
  BOOST_TEST(h.wakes() == 2);
  s.runtime.set_wake_hook(nullptr);
  s.settle();
  s.runtime.call_soon([] {});
  BOOST_TEST(h.wakes() == 2);
}

BOOST_AUTO_TEST_CASE(work_that_is_left_when_the_host_takes_over_wakes_it_at_once) {
  host h;  // outlives the runtime that wakes it
  stage s(manual_clock::mode::by_hand);
  s.runtime.call_soon([] {});
  s.runtime.set_wake_hook([&] { h.wake(); });
  BOOST_TEST(h.wakes() == 1);
  auto busy = []() -> task<void> {
    for (int i = 0; i != 5000; ++i) co_await yield();
  };
  start(s.runtime, busy());
  s.runtime.poll(1);
  BOOST_TEST(h.wakes() == 2);
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_moved_wakes_the_host_and_the_deadline_is_known) {
  host h;  // outlives the runtime that wakes it
  stage s(manual_clock::mode::by_hand);
  s.runtime.set_wake_hook([&] { h.wake(); });
  BOOST_TEST(!s.runtime.next_deadline().has_value());
  auto body = []() -> task<void> { co_await sleep(2s); };
  start(s.runtime, body());
  s.settle();
  const int before = h.wakes();
  BOOST_CHECK(s.runtime.next_deadline() == s.runtime.now() + 2s);
  s.clock.advance(2s);
  BOOST_TEST(h.wakes() == before + 1);
  s.settle();
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_CASE(timers_and_descriptors_wake_a_real_host_which_never_polls_in_vain) {
  int ends[2];
  BOOST_REQUIRE(::pipe(ends) == 0);
  host h;
  runtime owner(quiet());
  owner.set_wake_hook([&] { h.wake(); });
  {
    asio::posix::stream_descriptor reader(owner.io(), ends[0]);
    bool readable = false;
    bool called = false;
    reader.async_wait(asio::posix::stream_descriptor::wait_read,
                      [&](const asio::error_code&) { readable = true; });
    owner.poll();
    BOOST_REQUIRE(::write(ends[1], "x", 1) == 1);
    int polls = 0;
    while (!readable && ++polls < 20 && h.woken()) owner.poll();
    BOOST_TEST(readable);
    owner.call_later(5ms, [&] { called = true; });
    while (!called && ++polls < 20 && h.woken()) owner.poll();
    BOOST_TEST(called);
    BOOST_TEST(polls <= 6);
  }
  owner.set_wake_hook(nullptr);
  ::close(ends[1]);
}

// -- signals --------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_first_sigint_stops_run_forever) {
  child_process child([](auto ready) {
    runtime owner;
    owner.call_soon([&] { ready(); });
    return owner.run_forever() == SIGINT ? 5 : 6;
  });
  child.await_ready();
  child.send(SIGINT);
  BOOST_TEST(child.wait() == 5);
}

BOOST_AUTO_TEST_CASE(run_works_in_a_second_thread_and_without_signals) {  // covers RUN-020
  int result = 0;
  std::thread([&] { result = run(answer()); }).join();
  BOOST_TEST(result == 42);
  BOOST_TEST(run(answer(), quiet()) == 42);
}

BOOST_AUTO_TEST_CASE(an_interrupt_of_a_main_that_others_cancelled_is_none) {  // covers RUN-019
  child_process child([](auto) {
    runtime owner;
    auto body = [&]() -> task<int> {
      current_task().cancel("by somebody else");
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
      }
      std::raise(SIGINT);
      co_await sleep(1h);
      co_return 0;
    };
    try {
      owner.run(body());
    } catch (const cancelled&) {
      return 3;
    }
    return 4;
  });
  BOOST_TEST(child.wait() == 3);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
