#include <buskin/runtime/background.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace {

using namespace buskin;
using namespace std::chrono_literals;

runtime_options quiet() {
  runtime_options options;
  options.signals = signal_handling::none;
  return options;
}

task<std::thread::id> where_am_i() {
  co_await sleep(1ms);
  co_return std::this_thread::get_id();
}

BOOST_AUTO_TEST_SUITE(background_)

BOOST_AUTO_TEST_CASE(work_that_is_given_to_it_runs_in_its_thread) {  // covers COB-032
  runtime owner(quiet());
  auto loop = owner.run_in_background();
  BOOST_TEST(loop.running());
  const auto first = owner.submit(where_am_i()).get();
  BOOST_CHECK(first != std::this_thread::get_id());
  BOOST_CHECK(owner.submit(where_am_i()).get() == first);
  auto given = owner.submit(where_am_i());
  std::move(given).get();
  loop.stop();
  loop.stop();
  BOOST_TEST(!loop.running());
}

BOOST_AUTO_TEST_CASE(what_runs_on_it_stays_when_it_stops_and_goes_on_elsewhere) {
  runtime owner(quiet());
  std::optional<background> loop(owner);
  auto body = []() -> task<int> {
    co_await sleep(20ms);
    co_return 4;
  };
  const auto result = owner.submit(body());
  loop.reset();
  BOOST_TEST(!result.done());
  BOOST_TEST(owner.run_until_complete(result) == 4);
}

BOOST_AUTO_TEST_CASE(it_can_be_begun_again_and_moved) {
  runtime owner(quiet());
  for (int i = 0; i != 20; ++i) {
    background loop(owner);
    background moved(std::move(loop));
    BOOST_TEST(moved.running());
    if (i % 2 == 0) owner.submit(where_am_i()).get();
  }
  background loop = owner.run_in_background();
  loop.stop();
  loop = owner.run_in_background();
  BOOST_TEST(loop.running());
}

BOOST_AUTO_TEST_CASE(one_that_is_stopped_by_the_runtime_ends_and_leaves_no_stop_behind) {
  runtime owner(quiet());
  {
    const background loop(owner);
    owner.call_soon([&] { owner.stop(); });
    while (loop.running()) std::this_thread::yield();
  }
  auto body = []() -> task<int> {
    co_await sleep(1ms);
    co_return 1;
  };
  BOOST_TEST(owner.run(body()) == 1);
}

BOOST_AUTO_TEST_CASE(it_cannot_be_stopped_from_inside) {
  runtime owner(quiet());
  background loop(owner);
  auto body = [&]() -> task<bool> {
    try {
      loop.stop();
    } catch (const invalid_state&) {
      co_return true;
    }
    co_return false;
  };
  BOOST_TEST(owner.submit(body()).get());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
