// A function over a range, so many at a time.
#include <buskin/actors/map_concurrent.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;

BOOST_AUTO_TEST_SUITE(map_concurrent_)

BOOST_AUTO_TEST_CASE(results_keep_the_order_and_the_limit_is_respected) {
  stage s;
  int running = 0;
  int most = 0;
  auto square = [&](int value) -> task<int> {
    most = std::max(most, ++running);
    co_await sleep(std::chrono::seconds(10 - value));
    --running;
    co_return value* value;
  };
  auto main = [&]() -> task<void> {
    const auto squares = co_await map_concurrent(std::views::iota(0, 10), 3, square);
    std::vector<int> expected;
    for (int i = 0; i != 10; ++i) expected.push_back(i * i);
    BOOST_TEST(squares == expected, boost::test_tools::per_element());
  };
  s.run(main());
  BOOST_TEST(most == 3);
}

BOOST_AUTO_TEST_CASE(fewer_items_than_the_limit_or_none_are_no_trouble) {
  stage s;
  auto same = [](std::string text) -> task<std::string> {
    co_await sleep(1s);
    co_return text;
  };
  auto main = [&]() -> task<void> {
    const std::vector<std::string> words{"a", "b"};
    BOOST_TEST(co_await map_concurrent(words, 100, same) == words,
               boost::test_tools::per_element());
    BOOST_TEST((co_await map_concurrent(std::vector<std::string>{}, 1, same)).empty());
    BOOST_CHECK_THROW(co_await map_concurrent(words, 0, same), std::invalid_argument);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 1s);
}

BOOST_AUTO_TEST_CASE(a_function_without_a_value_yields_nothing_and_items_may_be_move_only) {
  stage s;
  int sum = 0;
  auto add = [&](std::unique_ptr<int> item) -> task<void> {
    co_await yield();
    sum += *item;
  };
  auto main = [&]() -> task<void> {
    std::vector<std::unique_ptr<int>> items;
    for (int i = 1; i <= 10; ++i) items.push_back(std::make_unique<int>(i));
    co_await map_concurrent(std::move(items), 4, add);
  };
  s.run(main());
  BOOST_TEST(sum == 55);
}

BOOST_AUTO_TEST_CASE(the_first_failure_cancels_those_under_way_and_no_further_call_is_made) {
  stage s;
  std::vector<int> begun;
  int cancelled_calls = 0;
  auto work = [&](int value) -> task<int> {
    begun.push_back(value);
    if (value == 1) {
      co_await sleep(1s);
      throw std::runtime_error("broken");
    }
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      ++cancelled_calls;  // and swallowed
    }
    co_return value;
  };
  auto main = [&]() -> task<void> {
    BOOST_CHECK_EXCEPTION(co_await map_concurrent(std::views::iota(0, 10), 3, work),
                          std::runtime_error,
                          [](const auto& e) { return std::string(e.what()) == "broken"; });
  };
  s.run(main());
  BOOST_TEST(begun == (std::vector<int>{0, 1, 2}), boost::test_tools::per_element());
  BOOST_TEST(cancelled_calls == 2);
  BOOST_CHECK(s.clock.elapsed() == 1s);
}

BOOST_AUTO_TEST_CASE(cancelling_the_caller_cancels_every_call_and_waits_for_them) {
  stage s;
  int ended = 0;
  auto work = [&](int) -> task<void> {
    std::exception_ptr interrupted;
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      interrupted = std::current_exception();
    }
    co_await sleep(1s);
    ++ended;
    std::rethrow_exception(interrupted);
  };
  auto main = [&]() -> task<void> {
    auto mapping = [&]() -> task<void> {
      co_await map_concurrent(std::views::iota(0, 9), 4, work);
    };
    auto mapper = spawn(mapping());
    co_await sleep(1s);
    mapper.cancel();
    BOOST_CHECK_THROW(co_await mapper, cancelled);
  };
  s.run(main());
  BOOST_TEST(ended == 4);
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

BOOST_AUTO_TEST_CASE(on_several_workers_each_item_is_dealt_with_once) {
  stage s(runtime_options{.workers = 4});
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  auto work = [&](int value) -> task<int> {
    const int now = ++running;
    int seen = most;
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
    co_await yield();
    --running;
    co_return value;
  };
  auto main = [&]() -> task<void> {
    const auto values = co_await map_concurrent(std::views::iota(0, 2000), 5, work);
    std::vector<int> expected(2000);
    std::iota(expected.begin(), expected.end(), 0);
    BOOST_TEST((values == expected));
  };
  s.run(main());
  BOOST_TEST(most.load() <= 5);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
