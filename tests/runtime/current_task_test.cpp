#include <buskin/runtime/current_task.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"
#include "support/start.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;
using buskin::test::start;

BOOST_AUTO_TEST_SUITE(current_task_)

BOOST_AUTO_TEST_CASE(it_tells_who_runs_here) {
  stage s;
  auto deep = []() -> task<std::string> { co_return current_task().name(); };
  auto body = [&]() -> task<void> {
    BOOST_TEST(current_task().name() == "subject");
    BOOST_TEST(co_await deep() == "subject");
    BOOST_REQUIRE(current_task().created().has_value());
    BOOST_TEST(to_string(*current_task().created()).find("current_task_test.cpp") !=
               std::string::npos);
    co_await sleep(1s);
    BOOST_TEST(current_task().name() == "subject");
  };
  auto main = [&]() -> task<void> {
    BOOST_TEST(current_task().name() == "main");
    const auto one = start(body(), "subject");
    co_await sleep(500ms);
    BOOST_TEST(current_task().id() != one->id());
    co_await sleep(1s);
    BOOST_TEST(one->done());
    one->result<true>();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(outside_of_a_task_there_is_none) {
  BOOST_CHECK_THROW(current_task(), invalid_state);
  stage s;
  bool refused = false;
  s.runtime.call_soon([&] {
    try {
      current_task();
    } catch (const invalid_state&) {
      refused = true;
    }
  });
  s.settle();
  BOOST_TEST(refused);
}

BOOST_AUTO_TEST_CASE(it_can_ask_after_its_cancellation_and_take_it_back) {  // covers COB-006
  stage s;
  std::vector<std::uint32_t> counts;
  auto body = [&]() -> task<int> {
    counts.push_back(current_task().cancelling());
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
    }
    counts.push_back(current_task().cancelling());
    counts.push_back(current_task().uncancel());
    co_await sleep(1s);
    current_task().cancel("of its own will");
    counts.push_back(current_task().cancelling());
    try {
      co_await yield();
    } catch (const cancelled& reason) {
      BOOST_TEST(reason.message() == "of its own will");
      co_return 1;
    }
    co_return 0;
  };
  auto main = [&]() -> task<int> {
    const auto one = start(body());
    co_await sleep(1s);
    one->cancel(std::make_exception_ptr(cancelled("from outside")));
    co_await sleep(2s);
    co_return one->result<true>();
  };
  BOOST_TEST(s.run(main()) == 1);
  BOOST_TEST(counts == (std::vector<std::uint32_t>{0, 1, 0, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_request_that_was_taken_back_does_not_surface) {
  stage s;
  auto main = []() -> task<bool> {
    current_task().cancel();
    current_task().uncancel();
    co_await sleep(1s);
    co_return true;
  };
  BOOST_TEST(s.run(main()));
}

BOOST_AUTO_TEST_CASE(what_was_kept_of_a_task_is_refused_elsewhere) {
  stage s;
  auto main = []() -> task<void> {
    const auto mine = current_task();
    auto other = [](this_task kept) -> task<void> {
      BOOST_CHECK_THROW(kept.cancelling(), invalid_state);
      BOOST_CHECK_THROW(kept.name(), invalid_state);
      co_return;
    };
    start(other(mine));
    co_await yield();
    std::thread([&] { BOOST_CHECK_THROW(mine.uncancel(), invalid_state); }).join();
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
