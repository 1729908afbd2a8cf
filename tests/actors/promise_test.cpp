// Setting a future: once, by whoever is first, and what happens when nobody does.
#include <buskin/actors/promise.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

task<int> fetch(future<int> f) { co_return co_await f; }

BOOST_AUTO_TEST_SUITE(promise_)

BOOST_AUTO_TEST_CASE(outside_of_a_runtime_there_is_none) {  // covers FUT-004
  BOOST_CHECK_THROW(promise<int>(), invalid_state);
  BOOST_CHECK_THROW(make_promise<void>(), invalid_state);
}

BOOST_AUTO_TEST_CASE(it_is_set_once) {  // covers FUT-010, FUT-011
  stage s;
  auto main = []() -> task<void> {
    auto [value, of_value] = make_promise<int>();
    auto [error, of_error] = make_promise<int>();
    value.set_value(42);
    error.set_exception(std::runtime_error("no"));
    for (const auto& p : {value, error}) {
      BOOST_CHECK_THROW(p.set_value(1), invalid_state);
      BOOST_CHECK_THROW(p.set_exception(std::runtime_error("again")), invalid_state);
      BOOST_TEST(!p.try_set_value(1));
      BOOST_TEST(!p.cancel());
      BOOST_TEST(p.done());
    }
    BOOST_TEST(of_value.result() == 42);
    BOOST_CHECK_THROW(of_error.result(), std::runtime_error);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    an_outcome_forced_behind_the_back_of_a_task_stands_and_its_own_is_reported) {  // covers TSK-099
  stage s;
  auto main = [&]() -> task<void> {
    auto completing = [](promise<int> p) -> task<void> {
      co_await sleep(1s);
      p.set_value(1);
    };
    auto [value, of_value] = make_promise<int>();
    auto [error, of_error] = make_promise<int>();
    spawn(completing(value), {"the first"});
    spawn(completing(error), {"the second"});
    co_await sleep(1ms);
    value.set_value(42);
    error.set_exception(std::runtime_error("forced"));
    co_await sleep(2s);
    BOOST_TEST(co_await of_value == 42);
    BOOST_CHECK_EXCEPTION(co_await of_error, std::runtime_error, [](const std::runtime_error& e) {
      return e.what() == std::string("forced");
    });
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 2U);
  BOOST_TEST(incidents[0].who == "the first");
  BOOST_TEST(incidents[1].who == "the second");
  for (const auto& each : incidents) {
    BOOST_TEST(each.code == "BK002");
    BOOST_CHECK_THROW(std::rethrow_exception(each.error), invalid_state);
  }
}

BOOST_AUTO_TEST_CASE(a_promise_of_nothing_tells_that_it_happened) {
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise();
    auto waiting = [](future<> what) -> task<void> { co_await what; };
    auto waiter = spawn(waiting(f));
    co_await sleep(1ms);
    BOOST_TEST(!waiter.done());
    p.set_value();
    co_await waiter;
    f.result();
    BOOST_CHECK_THROW(p.set_value(), invalid_state);
    BOOST_TEST(to_string(f) == "future, finished");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_future_takes_no_value) {
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise<int>();
    f.cancel("enough");
    BOOST_TEST(p.cancelled());
    BOOST_CHECK_THROW(p.set_value(1), invalid_state);
    BOOST_TEST(!p.try_set_value(1));
    BOOST_CHECK_EXCEPTION(f.result(), cancelled,
                          [](const cancelled& e) { return e.message() == "enough"; });
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(when_the_last_promise_goes_those_who_wait_are_told) {
  stage s;
  auto main = []() -> task<void> {
    std::optional<promise<int>> one{promise<int>()};
    std::optional<promise<int>> two = one;
    auto waiter = spawn(fetch(one->get_future()));
    co_await sleep(1ms);
    one.reset();
    co_await sleep(1ms);
    BOOST_TEST(!waiter.done());
    two.reset();
    BOOST_CHECK_EXCEPTION(co_await waiter, broken_promise, [](const broken_promise& e) {
      return std::string(e.what()).find("promise_test.cpp") != std::string::npos;
    });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_task_that_dies_breaks_its_promise) {
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise<int>();
    auto producing = [](promise<int> mine) -> task<void> {
      co_await sleep(1h);
      mine.set_value(1);
    };
    auto producer = spawn(producing(std::move(p)));
    auto waiter = spawn(fetch(f));
    co_await sleep(1ms);
    kill(producer.actor());
    BOOST_CHECK_THROW(co_await waiter, broken_promise);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_outcome_of_one_future_can_be_given_to_another) {  // covers FUT-015
  stage s;
  auto main = []() -> task<void> {
    auto [p1, f1] = make_promise<std::string>();
    auto [p2, f2] = make_promise<std::string>();
    auto [p3, f3] = make_promise<std::string>();
    const promise<std::string> to1;
    const promise<std::string> to2;
    const promise<std::string> to3;
    BOOST_CHECK_THROW(to1.set_from(f1), invalid_state);
    p1.set_value("value");
    p2.set_exception(std::runtime_error("no"));
    f3.cancel("enough");
    BOOST_TEST(to1.set_from(f1));
    BOOST_TEST(to2.set_from(f2));
    BOOST_TEST(to3.set_from(f3));
    BOOST_TEST(!to3.set_from(f1));
    BOOST_TEST(to1.get_future().result() == "value");
    BOOST_TEST(f1.result() == "value");
    BOOST_TEST((to2.get_future().exception() == f2.exception()));
    BOOST_TEST(to3.get_future().cancelled());
    BOOST_CHECK_EXCEPTION(to3.get_future().result(), cancelled,
                          [](const cancelled& e) { return e.message() == "enough"; });
    co_return;
  };
  s.run(main());
}

// -- the message face -----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_asks_for_the_value_and_another_sets_it) {
  stage s;
  auto main = [&]() -> task<void> {
    const promise<int> p;
    journal said;
    const auto asker = s.runtime.system().spawn([&](caf::event_based_actor* self) {
      self->request(p.actor(), caf::infinite, await_value::value).then([&](int value) {
        said.push_back("got " + std::to_string(value));
      });
    });
    co_await sleep(1ms);
    BOOST_TEST(p.get_future().waiter_count() == 1U);
    s.runtime.system().spawn([&](caf::event_based_actor* self) {
      self->request(p.actor(), caf::infinite, set_value::value, 7).then([&, self] {
        said.push_back("set");
        self->request(p.actor(), caf::infinite, set_value::value, 8)
            .then([&] { said.push_back("?"); }, [&](caf::error&) { said.push_back("refused"); });
      });
    });
    BOOST_TEST(co_await p.get_future() == 7);
    co_await sleep(1ms);
    BOOST_TEST(said.size() == 3U);
    BOOST_TEST(said.back() == "refused");
    BOOST_TEST(co_await ask<int>(p.actor(), 1s, await_value::value) == 7);
    BOOST_CHECK_THROW(co_await ask<int>(p.actor(), 1s, "what"), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(failures_and_cancellations_travel_by_message_both_ways) {
  stage s;
  auto main = [&]() -> task<void> {
    auto [failing, f1] = make_promise<int>();
    auto [cancelling, f2] = make_promise<int>();
    auto [breaking, f3] = make_promise<int>();
    auto asking = [](caf::actor whom) -> task<int> {
      co_return co_await ask<int>(whom, infinite, await_value::value);
    };
    auto one = spawn(asking(failing.actor()));
    auto two = spawn(asking(cancelling.actor()));
    auto three = spawn(asking(breaking.actor()));
    co_await sleep(1ms);
    co_await ask<void>(failing.actor(), 1s, set_error::value,
                       to_error(std::make_exception_ptr(std::domain_error("no"))));
    co_await ask<void>(cancelling.actor(), 1s, cancel_value::value);
    breaking = promise<int>();
    BOOST_CHECK_THROW(co_await one, std::domain_error);
    BOOST_CHECK_THROW(co_await two, cancelled);
    BOOST_CHECK_THROW(co_await three, broken_promise);
    BOOST_TEST(f2.cancelled());
    BOOST_CHECK_THROW(co_await ask<void>(failing.actor(), 1s, cancel_value::value), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_value_that_cannot_travel_is_refused_by_message_only) {
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise<std::unique_ptr<int>>();
    p.set_value(std::make_unique<int>(1));
    BOOST_CHECK_THROW(co_await ask<int>(p.actor(), 1s, await_value::value), invalid_state);
    BOOST_TEST(*co_await f == 1);
  };
  s.run(main());
}

// -- threads --------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(any_thread_may_set_it) {
  std::thread pool;
  std::thread::id worked_on;
  auto main = [&]() -> task<int> {
    promise<int> p;
    auto f = p.get_future();
    pool = std::thread([&worked_on, p = std::move(p)]() mutable {
      const auto mine = std::move(p);
      worked_on = std::this_thread::get_id();
      mine.set_value(42);
    });
    const int value = co_await f;
    BOOST_TEST((worked_on != std::this_thread::get_id()));
    pool.join();
    co_return value;
  };
  BOOST_TEST(run(main(), {.signals = signal_handling::none}) == 42);
}

BOOST_AUTO_TEST_CASE(between_workers_one_outcome_wins_and_everybody_gets_it) {
  runtime_options options;
  options.workers = 3;
  options.signals = signal_handling::none;
  auto main = []() -> task<void> {
    auto setting = [](promise<int> p, int value) -> task<bool> {
      if (value % 3 == 0) co_await yield();
      co_return p.try_set_value(value);
    };
    for (int i = 0; i != 500; ++i) {
      auto [p, f] = make_promise<int>();
      std::atomic<int> called{0};
      std::vector<task_handle<int>> readers;
      std::vector<task_handle<bool>> setters;
      for (int k = 0; k != 4; ++k) {
        readers.push_back(spawn(fetch(f)));
        f.on_done([&called](const future<int>&) { ++called; });
      }
      for (int k = 0; k != 3; ++k) setters.push_back(spawn(setting(p, k)));
      int winners = 0;
      for (const auto& each : setters) winners += co_await each ? 1 : 0;
      BOOST_REQUIRE(winners == 1);
      const int value = f.result();
      for (const auto& each : readers) BOOST_REQUIRE(co_await each == value);
      while (called != 4) co_await yield();
    }
  };
  run(main(), options);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
