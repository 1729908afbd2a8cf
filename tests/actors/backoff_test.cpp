// How long a supervisor waits before a restart.
#include "actors/supervised.hpp"

#include <buskin/actors/ask.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;
using kind = supervisor_event::kind;
using state = child_status::state;

BOOST_AUTO_TEST_SUITE(backoff_)

BOOST_AUTO_TEST_CASE(the_waits_grow_by_the_factor_up_to_the_maximum) {
  backoff policy;
  BOOST_CHECK(policy.wait(1, 0.5) == 0s);  // none by default
  policy.initial = 100ms;
  policy.maximum = 1s;
  policy.jitter = 0;
  const std::vector<int> expected{100, 200, 400, 800, 1000, 1000};
  for (unsigned i = 0; i != expected.size(); ++i)
    BOOST_TEST(
        std::chrono::duration_cast<std::chrono::milliseconds>(policy.wait(i + 1, 1.0)).count() ==
        expected[i]);
  BOOST_TEST((policy.wait(4'000'000'000U, 0.0) == 1s));
}

BOOST_AUTO_TEST_CASE(the_jitter_moves_a_wait_by_its_share_at_most_and_never_above_the_maximum) {
  backoff policy;
  policy.initial = 1s;
  policy.maximum = 8s;
  policy.jitter = 0.25;
  BOOST_CHECK(policy.wait(1, -1.0) == 750ms);
  BOOST_CHECK(policy.wait(1, 1.0) == 1250ms);
  BOOST_CHECK(policy.wait(4, 1.0) == 8s);
  BOOST_CHECK(policy.wait(4, -1.0) == 6s);
}

BOOST_AUTO_TEST_CASE(restarts_happen_exactly_at_the_back_offs_times) {
  // A2. Catches: a wait that is skipped, doubled, or not grown.
  stage s;
  std::vector<std::chrono::milliseconds> starts;
  auto main = [&]() -> task<void> {
    auto spec = child("x", [&] {
      starts.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(s.clock.elapsed()));
      return failing(0s);
    });
    spec.backoff = {.initial = 100ms, .maximum = 1s, .factor = 2, .jitter = 0};
    supervisor sup({spec}, tolerant());
    auto events = sup.events();
    co_await sleep(4s);
    std::vector<int> waits;
    while (auto event = events.next_nowait())
      if (event->value.what == kind::waiting)
        waits.push_back(static_cast<int>(
            std::chrono::duration_cast<std::chrono::milliseconds>(event->value.wait).count()));
    BOOST_REQUIRE(waits.size() >= 6U);
    waits.resize(6);
    BOOST_TEST(waits == (std::vector{100, 200, 400, 800, 1000, 1000}),
               boost::test_tools::per_element());
  };
  s.run(main());
  starts.resize(6);
  const std::vector<int> expected{0, 100, 300, 700, 1500, 2500};
  for (std::size_t i = 0; i != expected.size(); ++i) BOOST_TEST(starts[i].count() == expected[i]);
}

BOOST_AUTO_TEST_CASE(a_child_that_ran_long_enough_begins_its_back_off_anew) {
  stage s;
  int starts = 0;
  auto main = [&]() -> task<void> {
    auto spec = child("x", [&] { return failing(++starts == 4 ? 61s : 0s); });
    spec.backoff = {.initial = 1s, .maximum = 30s, .factor = 2, .jitter = 0, .reset_after = 60s};
    supervisor sup({spec}, tolerant());
    auto events = sup.events();
    co_await sleep(75s);
    std::vector<int> waits;
    while (auto event = events.next_nowait())
      if (event->value.what == kind::waiting)
        waits.push_back(static_cast<int>(
            std::chrono::duration_cast<std::chrono::seconds>(event->value.wait).count()));
    BOOST_REQUIRE(waits.size() >= 5U);
    waits.resize(5);
    BOOST_TEST(waits == (std::vector{1, 2, 4, 1, 2}), boost::test_tools::per_element());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_storm_of_five_hundred_restarts_is_spread_by_the_jitter_and_leaves_nobody_behind) {
  // A14. Catches: a back-off without jitter, whose restarts come in one tenth of a second.
  stage s;
  std::map<int, int> starts_at;  // by the tenth of a second
  int starts = 0;
  auto main = [&]() -> task<void> {
    std::vector<child_spec> specs;
    for (int i = 0; i != 500; ++i) {
      auto spec = child("c" + std::to_string(i), [&] {
        ++starts;
        ++starts_at[static_cast<int>(s.clock.elapsed() / 100ms)];
        return failing(s.clock.elapsed() < 1s ? 1s : 100000h);
      });
      spec.backoff = {.initial = 1s, .jitter = 0.5};
      specs.push_back(std::move(spec));
    }
    supervisor sup(std::move(specs), tolerant());
    co_await sleep(10s);
    BOOST_TEST(starts == 1000);
    for (const auto& each : sup.which_children()) BOOST_REQUIRE(each.restarts == 1U);
    BOOST_TEST(s.runtime.alive() == 502U);
    sup.stop();
    co_await monitor(sup.actor());
    BOOST_TEST(s.runtime.alive() == 1U);
  };
  s.run(main());
  int most = 0;
  for (const auto& [tenth, count] : starts_at) {
    if (tenth == 0) continue;
    BOOST_TEST(tenth >= 15);
    BOOST_TEST(tenth <= 25);
    most = std::max(most, count);
  }
  BOOST_TEST(most < 120);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
