#include <buskin/runtime/submitted.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"
#include "support/start.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;
using buskin::test::start;

runtime_options quiet() {
  runtime_options options;
  options.signals = signal_handling::none;
  return options;
}

task<int> twice(int x) {
  co_await sleep(1ms);
  co_return 2 * x;
}

task<int> failing() {
  co_await yield();
  throw std::runtime_error("no luck");
}

task<void> sleep_for_ever() { co_await sleep(24h); }

BOOST_AUTO_TEST_SUITE(submitted_)

BOOST_AUTO_TEST_CASE(another_thread_gets_the_value) {  // covers TSK-114
  runtime owner(quiet());
  const auto loop = owner.run_in_background();
  const auto result = owner.submit(twice(21), "twice");
  BOOST_TEST(result.name() == "twice");
  BOOST_TEST(result.get() == 42);
  BOOST_TEST(result.get() == 42);
  BOOST_TEST(result.done());
  BOOST_TEST(!result.cancel());
  BOOST_TEST(!result.cancelled());
}

BOOST_AUTO_TEST_CASE(another_thread_gets_the_exception) {  // covers TSK-115
  runtime owner(quiet());
  const auto loop = owner.run_in_background();
  const auto result = owner.submit(failing());
  BOOST_CHECK_THROW(result.get(), std::runtime_error);
  BOOST_TEST(describe(result.exception()) == "no luck");
}

BOOST_AUTO_TEST_CASE(a_thread_that_gives_up_waiting_can_cancel) {  // covers TSK-116, TSK-119
  runtime owner(quiet());
  const auto loop = owner.run_in_background();
  const auto result = owner.submit(sleep_for_ever());
  BOOST_CHECK_THROW(result.get(1ms), timeout_error);
  BOOST_TEST(!result.wait_for(1ms));
  BOOST_CHECK_THROW(result.exception(), invalid_state);
  BOOST_TEST(result.cancel("given up"));
  BOOST_CHECK_EXCEPTION(result.get(), cancelled,
                        [](const cancelled& c) { return c.message() == "given up"; });
  BOOST_TEST(result.cancelled());
  auto none_left = [&]() -> task<std::size_t> { co_return owner.alive(); };
  while (owner.submit(none_left()).get() != 1U) std::this_thread::yield();
}

BOOST_AUTO_TEST_CASE(a_task_that_cancels_itself_is_seen_as_cancelled) {  // covers TSK-117
  runtime owner(quiet());
  const auto loop = owner.run_in_background();
  auto body = []() -> task<void> {
    throw cancelled("by itself");
    co_return;
  };
  const auto result = owner.submit(body());
  BOOST_CHECK_THROW(result.get(), cancelled);
  BOOST_TEST(result.cancelled());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_started_is_told_and_reported_once) {  // covers TSK-118
  stage s;
  s.runtime.shutdown();
  BOOST_CHECK_THROW(s.runtime.submit(twice(1)), invalid_state);
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK010");
}

BOOST_AUTO_TEST_CASE(ten_threads_all_get_their_own) {  // covers FTH-004
  for (const unsigned workers : {1U, 3U}) {
    auto options = quiet();
    options.workers = workers;
    runtime owner(options);
    const auto loop = owner.run_in_background();
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int i = 0; i != 10; ++i)
      threads.emplace_back([&, i] {
        for (int n = 0; n != 50; ++n) {
          if (owner.submit(twice(i * n)).get() == 2 * i * n) ++right;
          try {
            owner.submit(failing()).get();
          } catch (const std::runtime_error&) {
            ++right;
          }
        }
      });
    for (auto& thread : threads) thread.join();
    BOOST_TEST(right == 1000);
  }
}

BOOST_AUTO_TEST_CASE(a_move_only_result_is_moved_out) {
  runtime owner(quiet());
  const auto loop = owner.run_in_background();
  auto body = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
  auto result = owner.submit(body());
  BOOST_TEST(*result.get() == 5);
  BOOST_CHECK_THROW(result.get(), invalid_state);
}

BOOST_AUTO_TEST_CASE(to_block_inside_of_a_runtime_is_refused) {
  stage s;
  auto main = [&]() -> task<int> {
    const auto result = runtime::current().submit(twice(4));
    BOOST_CHECK_THROW(result.get(), invalid_state);
    BOOST_CHECK_THROW(result.wait_for(1s), invalid_state);
    const int awaited = co_await result;
    BOOST_TEST(result.get() == 8);  // it has ended: nothing blocks
    co_return awaited;
  };
  BOOST_TEST(s.run(main()) == 8);
}

BOOST_AUTO_TEST_CASE(a_task_of_one_runtime_can_await_one_of_another) {
  runtime other(quiet());
  const auto loop = other.run_in_background();
  runtime own(quiet());
  auto main = [&]() -> task<int> {
    const auto result = other.submit(twice(10));
    BOOST_TEST(co_await result == 20);
    co_return co_await other.submit(twice(1));
  };
  BOOST_TEST(own.run(main()) == 2);
}

BOOST_AUTO_TEST_CASE(one_task_at_a_time_can_await_it_and_cancelling_the_waiter_cancels_it) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto result = runtime::current().submit(sleep_for_ever());
    auto wait = [](submitted<void> what) -> task<void> { co_await what; };
    const auto first = start(wait(result));
    co_await yield();
    const auto second = start(wait(result));
    co_await sleep(1ms);
    BOOST_CHECK_THROW(second->result<true>(), invalid_state);
    first->cancel(std::make_exception_ptr(cancelled("enough")));
    co_await sleep(1ms);
    BOOST_TEST(result.cancelled());
    BOOST_CHECK(first->state() == detail::task_state::cancelled);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_end_of_the_runtime_is_the_end_of_the_wait) {
  std::thread waiting;
  std::atomic<bool> told{false};
  {
    runtime owner(quiet());
    const auto result = owner.submit(sleep_for_ever());
    owner.poll();
    waiting = std::thread([result, &told] {
      try {
        result.get();
      } catch (const cancelled&) {
        told = true;
      }
    });
  }
  waiting.join();
  BOOST_TEST(told);
}

BOOST_AUTO_TEST_CASE(an_empty_one_says_so) {
  const submitted<int> nothing;
  BOOST_TEST(!nothing);
  BOOST_CHECK_THROW(nothing.get(), invalid_state);
  BOOST_CHECK_THROW(nothing.done(), invalid_state);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
