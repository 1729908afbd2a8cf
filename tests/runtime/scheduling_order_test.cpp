#include <buskin/runtime/scheduling_order.hpp>

#include <buskin/runtime/sleep.hpp>

#include <support/stage.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>

using namespace buskin;
using namespace buskin::test;
using namespace std::chrono_literals;

namespace {

task<void> talk(std::string name, journal& log) {
  for (int i = 0; i != 4; ++i) {
    log.push_back(name + std::to_string(i));
    if (i == 2)
      co_await sleep(1s);
    else
      co_await yield();
  }
}

journal play(runtime_options options) {
  stage s(std::move(options));
  journal log;
  for (const char* name : {"a", "b", "c", "d"})
    detail::start_task(s.runtime, talk(name, log), {name}, std::source_location::current());
  s.runtime.call_soon([&log] { log.push_back("callback"); });
  s.settle();
  return log;
}

runtime_options with_seed(std::uint64_t seed) {
  runtime_options options;
  options.seed = seed;
  return options;
}

/// The task whose name comes last in the alphabet goes first; callbacks go before all.
class by_name final : public scheduling_order {
 public:
  std::size_t next(const ready_jobs& ready) noexcept override {
    std::size_t best = 0;
    for (std::size_t i = 0; i != ready.size(); ++i) {
      if (ready.id(i) == 0) return i;
      if (ready.name(i) > ready.name(best)) best = i;
    }
    return best;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(scheduling_order_)

BOOST_AUTO_TEST_CASE(without_an_order_it_is_first_in_first_out) {
  const auto log = play({});
  BOOST_TEST((log == journal{"a0", "b0", "c0", "d0", "callback", "a1", "b1", "c1", "d1", "a2", "b2",
                             "c2", "d2", "a3", "b3", "c3", "d3"}));
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_run) {
  for (std::uint64_t seed : {1U, 2U, 77U}) {
    const auto first = play(with_seed(seed));
    for (int i = 0; i != 5; ++i) BOOST_TEST((play(with_seed(seed)) == first));
  }
}

BOOST_AUTO_TEST_CASE(different_seeds_give_different_runs_of_the_same_steps) {
  std::set<journal> runs;
  auto sorted_fifo = play({});
  std::sort(sorted_fifo.begin(), sorted_fifo.end());
  for (std::uint64_t seed = 0; seed != 20; ++seed) {
    auto log = play(with_seed(seed));
    runs.insert(log);
    std::sort(log.begin(), log.end());
    BOOST_TEST((log == sorted_fifo));
  }
  BOOST_TEST(runs.size() > 15U);
}

namespace {

/// A race: both read, then both write.
task<void> increment(int& counter) {
  const int seen = counter;
  co_await yield();
  counter = seen + 1;
}

int race(std::uint64_t seed) {
  stage s(with_seed(seed));
  int counter = 0;
  for (int i = 0; i != 2; ++i)
    detail::start_task(s.runtime, increment(counter), {}, std::source_location::current());
  s.settle();
  return counter;
}

}  // namespace

BOOST_AUTO_TEST_CASE(seeds_show_both_outcomes_of_a_race_each_repeatably) {
  std::set<int> outcomes;
  for (std::uint64_t seed = 0; seed != 30; ++seed) {
    const int outcome = race(seed);
    outcomes.insert(outcome);
    BOOST_TEST(race(seed) == outcome);
  }
  BOOST_TEST((outcomes == std::set<int>{1, 2}));
}

BOOST_AUTO_TEST_CASE(a_user_s_order_decides_by_name) {
  runtime_options options;
  options.order = std::make_shared<by_name>();
  const auto log = play(std::move(options));
  BOOST_TEST((log == journal{"callback", "d0", "d1", "d2", "c0", "c1", "c2", "b0", "b1", "b2", "a0",
                             "a1", "a2", "d3", "c3", "b3", "a3"}));
}

BOOST_AUTO_TEST_CASE(the_environment_may_give_a_seed) {
  ::setenv("BUSKIN_SEED", "77", 1);
  const auto log = play({});
  ::setenv("BUSKIN_SEED", "many", 1);
  BOOST_CHECK_THROW(runtime{}, std::invalid_argument);
  ::unsetenv("BUSKIN_SEED");
  BOOST_TEST((log == play(with_seed(77))));
}

BOOST_AUTO_TEST_CASE(an_order_needs_one_worker_and_excludes_a_seed) {
  runtime_options threaded = with_seed(1);
  threaded.workers = 2;
  BOOST_CHECK_THROW(runtime{threaded}, std::invalid_argument);
  runtime_options both = with_seed(1);
  both.order = std::make_shared<by_name>();
  BOOST_CHECK_THROW(runtime{both}, std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_place_beyond_the_end_is_the_last_one) {
  class last final : public scheduling_order {
   public:
    std::size_t next(const ready_jobs&) noexcept override { return 1'000'000; }
  };
  runtime_options options;
  options.order = std::make_shared<last>();
  BOOST_TEST(play(std::move(options)).size() == 17U);
}

BOOST_AUTO_TEST_SUITE_END()
