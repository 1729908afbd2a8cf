// Resources whose release is awaited.
#include <buskin/actors/with.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
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
using buskin::test::journal;
using buskin::test::stage;

struct door {
  journal* log;
};

task<void> shut(door& which, const std::exception_ptr& error) {
  co_await sleep(1s);
  which.log->push_back("shut after " + (error ? describe(error) : std::string("nothing")));
}

BOOST_AUTO_TEST_SUITE(with_)

// covers COB-030
BOOST_AUTO_TEST_CASE(the_exit_is_awaited_always_and_gets_the_bodys_error) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto good = [](door&) -> task<int> { co_return 3; };
    BOOST_TEST(co_await with(door{&log}, good, shut) == 3);
    auto bad = [](door&) -> task<void> {
      co_await yield();
      throw std::runtime_error("broken");
    };
    BOOST_CHECK_THROW(co_await with(door{&log}, bad, shut), std::runtime_error);
  };
  s.run(main());
  BOOST_TEST(log == (journal{"shut after nothing", "shut after broken"}),
             boost::test_tools::per_element());
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

BOOST_AUTO_TEST_CASE(the_exit_runs_to_its_end_after_a_cancellation_of_the_body) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto waiting = [](door&) -> task<void> { co_await sleep(1h); };
    auto work = spawn(with(door{&log}, waiting, shut));
    co_await sleep(1s);
    work.cancel("closing time");
    BOOST_CHECK_THROW(co_await work, cancelled);
    BOOST_TEST(work.cancelled());
  };
  s.run(main());
  BOOST_TEST(log == (journal{"shut after closing time"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(when_the_exit_fails_as_well_nothing_is_lost) {
  stage s;
  journal log;
  auto stuck = [](door&) -> task<void> {
    throw std::runtime_error("stuck");
    co_return;
  };
  auto main = [&]() -> task<void> {
    auto good = [](door&) -> task<int> { co_return 3; };
    BOOST_CHECK_EXCEPTION(co_await with(door{&log}, good, stuck), std::runtime_error,
                          [](const auto& e) { return std::string(e.what()) == "stuck"; });
    auto bad = [](door&) -> task<int> {
      throw std::runtime_error("broken");
      co_return 3;
    };
    std::string both;
    try {
      co_await with(door{&log}, bad, stuck);
    } catch (const exception_group& e) {
      for (const auto& each : e.exceptions()) both += describe(each) + " ";
    }
    BOOST_TEST(both == "broken stuck ");
    auto waiting = [](door&) -> task<void> { co_await sleep(1h); };
    auto work = spawn(with(door{&log}, waiting, stuck));
    co_await sleep(1s);
    work.cancel();
    BOOST_CHECK_EXCEPTION(co_await work, std::runtime_error,
                          [](const auto& e) { return std::string(e.what()) == "stuck"; });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_resource_is_moved_in_and_released_at_the_end) {
  stage s;
  auto main = []() -> task<void> {
    auto held = std::make_unique<int>(5);
    const int value = co_await with(
        std::move(held), [](std::unique_ptr<int>& p) -> task<int> { co_return *p; },
        [](std::unique_ptr<int>& p) -> task<void> {
          BOOST_TEST(*p == 5);
          co_return;
        });
    BOOST_TEST(value == 5);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
