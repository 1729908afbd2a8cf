// Candidates that are started one after the other.
#include <buskin/actors/staggered.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/detail/worker.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::detail::here;
using buskin::test::journal;
using buskin::test::stage;

task<int> candidate(journal& log, int value, duration delay, bool succeeds = true) {
  log.push_back("begin " + std::to_string(value));
  co_await sleep(delay);
  if (!succeeds) throw std::runtime_error("no luck with " + std::to_string(value));
  co_return value;
}

template <class... Tasks>
std::vector<task<int>> list(Tasks... tasks) {
  std::vector<task<int>> all;
  (all.push_back(std::move(tasks)), ...);
  return all;
}

bool is_cancelled(const std::exception_ptr& error) { return type_of(error) == "buskin::cancelled"; }

BOOST_AUTO_TEST_SUITE(staggered_)

// covers STG-001
BOOST_AUTO_TEST_CASE(without_candidates_there_is_neither_winner_nor_error) {
  stage s;
  auto main = []() -> task<void> {
    const auto found = co_await staggered(1s, std::vector<task<int>>{});
    BOOST_TEST(!found.value.has_value());
    BOOST_TEST(!found.index.has_value());
    BOOST_TEST(found.errors.empty());
  };
  s.run(main());
}

// covers STG-002
BOOST_AUTO_TEST_CASE(when_the_first_succeeds_at_once_the_others_are_never_begun) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    const auto found = co_await staggered(1s, list(candidate(log, 1, 0s), candidate(log, 2, 0s)));
    BOOST_TEST(found.value.value() == 1);
    BOOST_TEST(found.index.value() == 0U);
    BOOST_TEST(found.errors.size() == 1U);
    BOOST_TEST((found.errors[0] == nullptr));
    BOOST_TEST(here.worker->timers().size() == 0U);
  };
  s.run(main());
  BOOST_TEST(log == (journal{"begin 1"}), boost::test_tools::per_element());
}

// covers STG-003
BOOST_AUTO_TEST_CASE(a_failure_starts_the_next_at_once) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    const auto found =
        co_await staggered(1h, list(candidate(log, 1, 1s, false), candidate(log, 2, 1s)));
    BOOST_TEST(found.value.value() == 2);
    BOOST_TEST(found.index.value() == 1U);
    BOOST_REQUIRE(found.errors.size() == 2U);
    BOOST_TEST(describe(found.errors[0]) == "no luck with 1");
    BOOST_TEST((found.errors[1] == nullptr));
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

// covers STG-004
BOOST_AUTO_TEST_CASE(a_slow_first_one_is_overtaken_after_the_delay_and_cancelled) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    const auto found = co_await staggered(
        1s, list(candidate(log, 1, 1h), candidate(log, 2, 500ms), candidate(log, 3, 0s)));
    BOOST_TEST(found.value.value() == 2);
    BOOST_TEST(found.index.value() == 1U);
    BOOST_REQUIRE(found.errors.size() == 2U);
    BOOST_TEST(is_cancelled(found.errors[0]));
    BOOST_TEST((found.errors[1] == nullptr));
  };
  s.run(main());
  BOOST_TEST(log == (journal{"begin 1", "begin 2"}), boost::test_tools::per_element());
  BOOST_CHECK(s.clock.elapsed() == 1500ms);
}

BOOST_AUTO_TEST_CASE(when_all_fail_every_failure_is_told) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    const auto found =
        co_await staggered(1s, list(candidate(log, 1, 3s, false), candidate(log, 2, 1s, false)));
    BOOST_TEST(!found.value.has_value());
    BOOST_REQUIRE(found.errors.size() == 2U);
    BOOST_TEST(describe(found.errors[0]) == "no luck with 1");
    BOOST_TEST(describe(found.errors[1]) == "no luck with 2");
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 3s);
}

BOOST_AUTO_TEST_CASE(without_a_delay_all_start_at_once_and_the_first_success_wins) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    const auto found = co_await staggered(
        0s, list(candidate(log, 1, 3s), candidate(log, 2, 1s, false), candidate(log, 3, 2s)));
    BOOST_TEST(found.index.value() == 2U);
  };
  s.run(main());
  BOOST_TEST(log.size() == 3U);
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

BOOST_AUTO_TEST_CASE(with_an_infinite_delay_each_starts_after_the_failure_of_the_one_before) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    const auto found =
        co_await staggered(infinite, list(candidate(log, 1, 1000h, false), candidate(log, 2, 1s)));
    BOOST_TEST(found.index.value() == 1U);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 1000h + 1s);
}

// covers STG-007
BOOST_AUTO_TEST_CASE(every_cancel_from_outside_reaches_a_candidate_that_swallows_it) {
  stage s;
  journal log;
  auto stubborn = [&]() -> task<int> {
    for (int i = 1; i <= 3; ++i) {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        log.push_back("swallowed " + std::to_string(i));
      }
    }
    co_return 1;
  };
  auto main = [&]() -> task<void> {
    auto racing = [&]() -> task<void> { co_await staggered(10s, list(stubborn(), stubborn())); };
    auto racer = spawn(racing());
    for (int i = 0; i != 3; ++i) {
      co_await sleep(1s);
      BOOST_TEST(!racer.done());
      racer.cancel();
    }
    BOOST_CHECK_THROW(co_await racer, cancelled);
    BOOST_TEST(racer.cancelled());
  };
  s.run(main());
  BOOST_TEST(log == (journal{"swallowed 1", "swallowed 2", "swallowed 3"}),
             boost::test_tools::per_element());
  BOOST_CHECK(s.clock.elapsed() == 3s);
}

BOOST_AUTO_TEST_CASE(a_failure_before_a_cancelled_race_is_no_incident) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto racing = [&]() -> task<void> {
      co_await staggered(1h, list(candidate(log, 1, 1s, false), candidate(log, 2, 1h)));
    };
    auto racer = spawn(racing());
    co_await sleep(2s);
    racer.cancel();
    BOOST_CHECK_THROW(co_await racer, cancelled);
  };
  s.run(main());
  BOOST_TEST(log == (journal{"begin 1", "begin 2"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(on_several_workers_there_is_exactly_one_winner) {
  stage s(runtime_options{.workers = 3});
  auto main = []() -> task<void> {
    auto quick = [](int value) -> task<int> {
      co_await yield();
      co_return value;
    };
    for (int i = 0; i != 200; ++i) {
      const auto found = co_await staggered(0s, list(quick(0), quick(1), quick(2)));
      BOOST_REQUIRE(found.value.has_value());
      BOOST_REQUIRE(*found.value == static_cast<int>(*found.index));
      BOOST_REQUIRE((found.errors[*found.index] == nullptr));
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
