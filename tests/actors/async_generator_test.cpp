// Coroutines that yield.
#include <buskin/actors/async_generator.hpp>

#include <buskin/actors/race.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/instances.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::instance;
using buskin::test::journal;
using buskin::test::stage;

async_generator<int> count_to(int last, duration step = 1s) {
  for (int i = 1; i <= last; ++i) {
    co_await sleep(step);
    co_yield i;
  }
}

async_generator<int> nothing() { co_return; }

async_generator<int> pieces(instance, journal& log) {
  try {
    co_yield 1;
    co_yield 2;
  } catch (const generator_closed&) {
    log.emplace_back("closed");
    throw;
  }
}

BOOST_AUTO_TEST_SUITE(async_generator_)

BOOST_AUTO_TEST_CASE(it_yields_all_its_values_and_a_loop_over_an_empty_one_runs_zero_times) {
  stage s;
  auto main = []() -> task<void> {
    std::vector<int> seen;
    auto numbers = count_to(3);
    while (auto number = co_await numbers.next()) seen.push_back(*number);
    BOOST_TEST(seen == (std::vector<int>{1, 2, 3}), boost::test_tools::per_element());
    BOOST_TEST(!(co_await numbers.next()).has_value());  // and ever after
    BOOST_TEST(!numbers);
    int turns = 0;
    auto empty = nothing();
    while (co_await empty.next()) ++turns;
    BOOST_TEST(turns == 0);
    async_generator<int> none;
    BOOST_TEST(!(co_await none.next()).has_value());
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 3s);
}

BOOST_AUTO_TEST_CASE(it_runs_only_while_somebody_asks) {
  stage s;
  journal log;
  auto noting = [](journal& l) -> async_generator<int> {
    l.emplace_back("begins");
    co_yield 1;
    l.emplace_back("goes on");
  };
  auto main = [&]() -> task<void> {
    auto numbers = noting(log);
    co_await sleep(1s);
    BOOST_TEST(log.empty());
    BOOST_TEST((co_await numbers.next()).value() == 1);
    co_await sleep(1s);
    BOOST_TEST(log == (journal{"begins"}), boost::test_tools::per_element());
    co_await numbers.next();
  };
  s.run(main());
  BOOST_TEST(log == (journal{"begins", "goes on"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(move_only_values_pass_through_without_a_copy) {  // covers COB-008
  stage s;
  auto boxes = []() -> async_generator<std::unique_ptr<int>> {
    for (int i = 0; i != 2; ++i) {
      auto box = std::make_unique<int>(i);
      co_yield std::move(box);
    }
  };
  auto main = [&]() -> task<void> {
    auto all = boxes();
    int expected = 0;
    while (auto box = co_await all.next()) BOOST_TEST(**box == expected++);
    BOOST_TEST(expected == 2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_it_throws_comes_out_once_and_ends_it) {
  stage s;
  auto failing = []() -> async_generator<int> {
    co_yield 1;
    throw std::runtime_error("broken");
  };
  auto main = [&]() -> task<void> {
    auto numbers = failing();
    BOOST_TEST((co_await numbers.next()).value() == 1);
    BOOST_CHECK_THROW(co_await numbers.next(), std::runtime_error);
    BOOST_TEST(!(co_await numbers.next()).has_value());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_loop_that_is_left_early_destroys_what_the_generator_holds) {
  stage s;
  journal log;
  int alive = 0;
  auto main = [&]() -> task<void> {
    {
      auto numbers = pieces(instance(alive), log);
      BOOST_TEST((co_await numbers.next()).value() == 1);
      BOOST_TEST(alive == 1);
    }
    BOOST_TEST(alive == 0);
    { auto never_begun = pieces(instance(alive), log); }
    BOOST_TEST(alive == 0);
  };
  s.run(main());
  BOOST_TEST(log.empty());  // nothing can be thrown into a frame that is destroyed
}

BOOST_AUTO_TEST_CASE(closing_it_lets_it_clean_up_and_waits_for_that) {
  stage s;
  journal log;
  auto tidy = [](journal& l) -> async_generator<int> {
    bool closed = false;
    try {
      for (int i = 0;; ++i) co_yield i;
    } catch (const generator_closed&) {
      closed = true;
    }
    co_await sleep(2s);
    l.emplace_back(closed ? "cleaned up" : "ended");
  };
  auto main = [&]() -> task<void> {
    auto numbers = tidy(log);
    co_await numbers.next();
    co_await numbers.aclose();
    BOOST_TEST(log == (journal{"cleaned up"}), boost::test_tools::per_element());
    BOOST_TEST(!(co_await numbers.next()).has_value());
    co_await numbers.aclose();  // a second time does nothing
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

BOOST_AUTO_TEST_CASE(closing_one_that_lets_it_pass_or_never_began_is_silent) {
  stage s;
  journal log;
  int alive = 0;
  auto main = [&]() -> task<void> {
    auto begun = pieces(instance(alive), log);
    co_await begun.next();
    co_await begun.aclose();
    auto fresh = pieces(instance(alive), log);
    co_await fresh.aclose();
    BOOST_TEST(!(co_await fresh.next()).has_value());
  };
  s.run(main());
  BOOST_TEST(log == (journal{"closed"}), boost::test_tools::per_element());
  BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(a_cleanup_that_fails_or_yields_again_says_so) {
  stage s;
  auto failing = []() -> async_generator<int> {
    try {
      co_yield 1;
    } catch (const generator_closed&) {
      throw std::runtime_error("cleanup");
    }
  };
  auto insisting = []() -> async_generator<int> {
    for (;;) {
      try {
        co_yield 1;
      } catch (const generator_closed&) {
      }
    }
  };
  auto main = [&]() -> task<void> {
    auto one = failing();
    co_await one.next();
    BOOST_CHECK_THROW(co_await one.aclose(), std::runtime_error);
    auto two = insisting();
    co_await two.next();
    BOOST_CHECK_THROW(co_await two.aclose(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancellation_surfaces_inside_and_ends_it_unless_it_is_handled) {
  stage s;
  journal log;
  auto handling = [](journal& l) -> async_generator<int> {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      l.emplace_back("handled");
    }
    co_yield 7;
  };
  auto main = [&]() -> task<void> {
    auto numbers = count_to(3, 1h);
    auto asking = [&]() -> task<void> { co_await numbers.next(); };
    auto asker = spawn(asking());
    co_await sleep(1s);
    asker.cancel();
    BOOST_CHECK_THROW(co_await asker, cancelled);
    BOOST_TEST(!(co_await numbers.next()).has_value());

    auto stubborn = handling(log);
    auto asking_again = [&]() -> task<int> { co_return (co_await stubborn.next()).value(); };
    auto again = spawn(asking_again());
    co_await sleep(1s);
    again.cancel();
    BOOST_TEST(co_await again == 7);
  };
  s.run(main());
  BOOST_TEST(log == (journal{"handled"}), boost::test_tools::per_element());
}

// covers RUN-008
BOOST_AUTO_TEST_CASE(
    when_main_fails_its_error_wins_over_that_of_a_left_over_task_and_open_generators_end) {
  stage s;
  journal log;
  int alive = 0;
  auto left = [&]() -> task<void> {
    auto kept = pieces(instance(alive), log);
    co_await kept.next();
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
      log.emplace_back("left over ends");
      throw std::runtime_error("the cleanup failed");
    }
  };
  auto main = [&]() -> task<int> {
    spawn(left(), {"left"});
    auto open = pieces(instance(alive), log);
    co_await open.next();
    co_await yield();
    BOOST_TEST(alive == 2);
    throw std::logic_error("main failed");
    co_return 0;
  };
  BOOST_CHECK_EXCEPTION(s.runtime.run(main()), std::logic_error, [](const std::logic_error& e) {
    return e.what() == std::string("main failed");
  });
  BOOST_TEST(alive == 0);
  BOOST_TEST((log == journal{"left over ends"}));
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].who == "left");
  BOOST_TEST(incidents[0].text.find("the cleanup failed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(different_tasks_may_ask_one_after_the_other_but_not_at_once) {
  stage s;
  auto main = []() -> task<void> {
    auto numbers = count_to(3);
    auto asking = [&]() -> task<int> { co_return (co_await numbers.next()).value_or(0); };
    auto first = spawn(asking());
    auto second = spawn(asking());
    BOOST_TEST(co_await first == 1);
    BOOST_CHECK_THROW(co_await second, invalid_state);
    BOOST_TEST(co_await spawn(asking()) == 2);
    BOOST_TEST((co_await numbers.next()).value() == 3);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_deadline_may_pass_inside_it) {
  stage s;
  auto careful = []() -> async_generator<std::string> {
    std::string what = "in time";
    try {
      co_await timeout(1s, [] { return sleep(1h); });
    } catch (const timeout_error&) {
      what = "too late";
    }
    co_yield what;
  };
  auto main = [&]() -> task<void> {
    auto all = careful();
    BOOST_TEST((co_await all.next()).value() == "too late");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_million_values_do_not_grow_the_stack) {
  stage s;
  auto many = []() -> async_generator<int> {
    for (int i = 0; i != 1'000'000; ++i) co_yield i;
  };
  auto main = [&]() -> task<void> {
    auto all = many();
    long sum = 0;
    while (auto each = co_await all.next()) sum += *each;
    BOOST_TEST(sum == 499'999'500'000L);
  };
  s.run(main());
}

// covers COB-028
BOOST_AUTO_TEST_CASE(two_timed_generators_raced_again_and_again_give_their_values_in_time_order) {
  stage s;
  auto main = []() -> task<void> {
    auto slow = count_to(4, 3s);   // at 3, 6, 9, 12
    auto quick = count_to(5, 2s);  // at 2, 4, 6, 8, 10
    auto ask = [](async_generator<int>& from) -> task<std::optional<int>> {
      co_return co_await from.next();
    };
    std::vector<std::string> seen;
    auto a = spawn(ask(slow));
    auto b = spawn(ask(quick));
    while (seen.size() != 9) {
      auto won = co_await race(a, b);
      auto& winner = won.index == 0 ? a : b;
      if (won.value)
        seen.push_back((won.index == 0 ? "slow " : "quick ") + std::to_string(*won.value));
      else
        break;
      if (won.index == 0 && *won.value == 4) break;
      if (won.index == 1 && *won.value == 5) {
        while (a) {
          const auto rest = co_await a;
          if (!rest) break;
          seen.push_back("slow " + std::to_string(*rest));
          a = spawn(ask(slow));
        }
        break;
      }
      winner = spawn(ask(won.index == 0 ? slow : quick));
    }
    const std::vector<std::string> expected{"quick 1", "slow 1", "quick 2", "slow 2", "quick 3",
                                            "quick 4", "slow 3", "quick 5", "slow 4"};
    BOOST_TEST(seen == expected, boost::test_tools::per_element());
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
