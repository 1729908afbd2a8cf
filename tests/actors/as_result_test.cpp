// What came of it, as a value.
#include <buskin/actors/as_result.hpp>

#include <buskin/actors/queue.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;

task<int> number(int value, duration delay = 1s) {
  co_await sleep(delay);
  co_return value;
}
task<int> failing() {
  co_await sleep(1s);
  throw std::runtime_error("broken");
}
task<void> quiet() { co_await sleep(1s); }

BOOST_AUTO_TEST_SUITE(as_result_)

BOOST_AUTO_TEST_CASE(a_value_or_an_exception_comes_as_a_value) {
  stage s;
  auto main = []() -> task<void> {
    const auto good = co_await as_result(number(4));
    BOOST_TEST(good.has_value());
    BOOST_TEST(!good.has_error());
    BOOST_TEST(*good == 4);
    BOOST_TEST(good.value_or(9) == 4);
    BOOST_TEST((good.error() == nullptr));

    const auto bad = co_await as_result(failing());
    BOOST_TEST(!bad);
    BOOST_TEST(describe(bad.error()) == "broken");
    BOOST_TEST(bad.value_or(9) == 9);
    BOOST_CHECK_THROW(bad.value(), std::runtime_error);

    BOOST_TEST((co_await as_result(quiet())).has_value());
    BOOST_TEST((co_await as_result(sleep(1s))).has_value());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(handles_operations_and_deadlines_can_be_awaited_so_too) {
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(failing());
    BOOST_TEST(describe((co_await as_result(work)).error()) == "broken");
    queue<int> items;
    items.put_nowait(3);
    BOOST_TEST((co_await as_result(items.get())).value() == 3);
    items.shutdown();
    const auto ended = co_await as_result(items.get());
    BOOST_CHECK_THROW(ended.value(), queue_shutdown);
    const auto late = co_await as_result(wait_for(number(1, 1h), 1s));
    BOOST_CHECK_THROW(late.value(), timeout_error);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(move_only_results_are_moved) {
  stage s;
  auto unique = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(2); };
  auto main = [&]() -> task<void> {
    auto box = (co_await as_result(unique())).value();
    BOOST_TEST(*box == 2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_task_is_a_result_but_ones_own_cancellation_is_none) {
  stage s;
  auto main = []() -> task<void> {
    auto work = spawn(number(1, 1h));
    co_await yield();
    work.cancel("not needed");
    const auto ended = co_await as_result(work);
    BOOST_TEST(describe(ended.error()) == "not needed");

    bool went_on = false;
    auto waiting = [&]() -> task<void> {
      (void)co_await as_result(number(1, 1h));
      went_on = true;
    };
    auto waiter = spawn(waiting());
    co_await sleep(1s);
    waiter.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(!went_on);

    auto limited = [&]() -> task<void> {
      (void)co_await as_result(number(1, 1h));
      went_on = true;
    };
    BOOST_CHECK_THROW(co_await timeout(1s, limited), timeout_error);
    BOOST_TEST(!went_on);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
