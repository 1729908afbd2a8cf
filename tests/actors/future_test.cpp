// Reading a future: awaiting, asking, callbacks, cancellation, and failures that nobody fetched.
#include <buskin/actors/future.hpp>

#include <buskin/actors/promise.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/actors/wrap_future.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;

task<int> fetch(future<int> f) { co_return co_await f; }

BOOST_AUTO_TEST_SUITE(future_)

BOOST_AUTO_TEST_CASE(a_value_can_be_had_when_it_is_there_and_not_before) {  // covers FUT-010
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise<int>();
    BOOST_TEST(!f.done());
    BOOST_CHECK_THROW(f.result(), invalid_state);
    BOOST_CHECK_THROW(f.take(), invalid_state);
    p.set_value(42);
    BOOST_TEST(f.done());
    BOOST_TEST(f.result() == 42);
    BOOST_TEST((f.exception() == nullptr));
    BOOST_TEST(!f.cancel());
    BOOST_TEST(!f.cancelled());
    BOOST_TEST(co_await f == 42);
    BOOST_TEST(f.take() == 42);
    BOOST_CHECK_THROW(f.result(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(so_can_a_failure_and_it_is_the_same_each_time) {  // covers FUT-011, FU2-001
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise<int>();
    BOOST_CHECK_THROW(f.exception(), invalid_state);
    const auto error = std::make_exception_ptr(std::runtime_error("no"));
    p.set_exception(error);
    BOOST_TEST((f.exception() == error));
    for (int i = 0; i != 3; ++i) {
      std::exception_ptr caught;
      try {
        co_await f;
      } catch (const std::runtime_error&) {
        caught = std::current_exception();
      }
      BOOST_TEST((caught == error));
    }
    BOOST_CHECK_THROW(f.result(), std::runtime_error);
    BOOST_TEST(!f.cancel());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(many_may_await_it_and_go_on_in_the_order_of_waiting) {
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise<int>();
    journal said;
    auto reading = [&](std::string name) -> task<void> {
      const int value = co_await f;
      said.push_back(name + std::to_string(value));
    };
    std::vector<task_handle<void>> all;
    for (const auto* name : {"a", "b", "c"}) all.push_back(spawn(reading(name)));
    co_await sleep(1ms);
    BOOST_TEST(f.waiter_count() == 3U);
    p.set_value(1);
    for (const auto& each : all) co_await each;
    BOOST_TEST((said == journal{"a1", "b1", "c1"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_value_that_can_only_be_moved_goes_to_the_first) {
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise<std::unique_ptr<int>>();
    auto reading = [](future<std::unique_ptr<int>> from) -> task<int> { co_return *co_await from; };
    auto one = spawn(reading(f));
    auto two = spawn(reading(f));
    co_await sleep(1ms);
    p.set_value(std::make_unique<int>(7));
    BOOST_TEST(co_await one == 7);
    BOOST_CHECK_THROW(co_await two, invalid_state);
    BOOST_CHECK_THROW(f.take(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(its_text_says_how_it_stands) {  // covers FUT-014
  stage s;
  auto main = []() -> task<void> {
    auto [p1, pending] = make_promise<int>();
    BOOST_TEST(to_string(pending) == "future, pending");
    pending.on_done([](const future<int>&) {});
    BOOST_TEST(to_string(pending) == "future, pending, 1 callback");
    pending.on_done([](const future<int>&) {});
    BOOST_TEST(to_string(pending) == "future, pending, 2 callbacks");
    p1.set_value(42);
    co_await sleep(1ms);
    BOOST_TEST(to_string(pending) == "future, finished: 42");
    auto [p2, failed] = make_promise<int>();
    p2.set_exception(std::runtime_error("no"));
    BOOST_TEST(to_string(failed) == "future, failed: no");
    failed.exception();
    auto [p3, given_up] = make_promise<int>();
    given_up.cancel();
    BOOST_TEST(to_string(given_up) == "future, cancelled");
  };
  s.run(main());
}

// -- cancellation ---------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_waiter_that_is_cancelled_leaves_the_future_alone) {
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise<int>();
    auto one = spawn(fetch(f));
    auto two = spawn(fetch(f));
    co_await sleep(1ms);
    one.cancel();
    BOOST_CHECK_THROW(co_await one, cancelled);
    BOOST_TEST(f.waiter_count() == 1U);
    BOOST_TEST(!f.done());
    BOOST_CHECK_THROW(co_await timeout(1s, [&] { return f.get(); }), timeout_error);
    p.set_value(1);
    BOOST_TEST(co_await two == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(unless_it_is_asked_to_pass_the_cancellation_on) {
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise<int>();
    auto owning = [](future<int> mine) -> task<int> {
      co_return co_await mine.get(on_cancel::pass_on);
    };
    auto owner = spawn(owning(f));
    auto other = spawn(fetch(f));
    co_await sleep(1ms);
    owner.cancel();
    BOOST_CHECK_THROW(co_await owner, cancelled);
    BOOST_TEST(f.cancelled());
    BOOST_TEST(p.cancelled());
    BOOST_CHECK_THROW(co_await other, cancelled);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(cancelling_it_tells_all_who_wait) {
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise<int>();
    auto one = spawn(fetch(f));
    auto two = spawn(fetch(f));
    co_await sleep(1ms);
    BOOST_TEST(f.cancel("enough"));
    BOOST_TEST(!f.cancel("again"));
    for (const auto& each : {one, two})
      BOOST_CHECK_EXCEPTION(co_await each, cancelled,
                            [](const cancelled& e) { return e.message() == "enough"; });
    BOOST_CHECK_THROW(co_await f, cancelled);
  };
  s.run(main());
}

// -- callbacks ------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(callbacks_run_in_a_later_turn_in_order_once_each) {  // covers FUT-029
  stage s;
  auto main = []() -> task<void> {
    journal said;
    for (const bool fails : {false, true}) {
      said.clear();
      auto [p, f] = make_promise<int>();
      for (const auto* name : {"a", "b", "c"})
        f.on_done([&said, name](const future<int>& self) {
          said.push_back(name);
          self.exception();
        });
      if (fails)
        p.set_exception(std::runtime_error("no"));
      else
        p.set_value(1);
      BOOST_TEST(said.empty());
      co_await sleep(1ms);
      BOOST_TEST((said == journal{"a", "b", "c"}));
      f.on_done([&](const future<int>&) { said.push_back("late"); });
      BOOST_TEST(said.size() == 3U);
      co_await sleep(1ms);
      BOOST_TEST((said == journal{"a", "b", "c", "late"}));
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_callback_that_was_removed_is_not_called) {  // covers FUT-028
  stage s;
  auto main = []() -> task<void> {
    journal said;
    auto [p, f] = make_promise<int>();
    const auto first = f.on_done([&](const future<int>&) { said.push_back("first"); });
    std::vector<callback_handle> handles;
    for (const auto* name : {"a", "b", "c", "d"})
      handles.push_back(f.on_done([&said, name](const future<int>&) { said.push_back(name); }));
    BOOST_TEST(handles[1].remove());
    BOOST_TEST(!handles[1].remove());
    p.set_value(1);
    BOOST_TEST(handles[3].remove());  // set, but it has not had its turn
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"first", "a", "c"}));
    BOOST_TEST(!first.remove());
    BOOST_TEST(!callback_handle().remove());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_callback_that_throws_is_reported_and_the_others_are_called) {
  stage s;
  journal said;
  auto main = [&]() -> task<void> {
    auto [p, f] = make_promise<int>();
    f.on_done([](const future<int>&) { throw std::runtime_error("no"); });
    f.on_done([&](const future<int>&) { said.push_back("called"); });
    p.set_value(1);
    co_await sleep(1ms);
  };
  s.run(main());
  BOOST_TEST((said == journal{"called"}));
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK003");
}

// -- what nobody fetched --------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_failure_that_nobody_fetched_is_reported_once) {  // covers FUT-020
  stage s;
  auto main = []() -> task<void> {
    {
      auto [p, f] = make_promise<int>();
      auto copy = f;
      p.set_exception(std::runtime_error("nobody looks"));
    }
    co_return;
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK002");
  BOOST_TEST(incidents[0].text.find("nobody looks") != std::string::npos);
  BOOST_TEST((incidents[0].error != nullptr));
}

BOOST_AUTO_TEST_CASE(nothing_else_is_reported) {  // covers FUT-017, FUT-018, FUT-019, FUT-021
  stage s;
  auto main = []() -> task<void> {
    { auto pending = make_promise<int>(); }
    {  // as before, with the future as the last to go
      auto [p, f] = make_promise<int>();
      p = promise<int>();
    }
    {
      auto [p, f] = make_promise<int>();
      p.set_value(1);
    }
    {
      auto [p, f] = make_promise<int>();
      p.set_value(1);
      f.result();
    }
    {
      auto [p, f] = make_promise<int>();
      p.set_exception(std::runtime_error("cancelled afterwards"));
      BOOST_TEST(!f.cancel());
    }
    {
      auto [p, f] = make_promise<int>();
      f.cancel();
    }
    {
      auto [p, f] = make_promise<int>();
      p.set_exception(std::runtime_error("asked for"));
      f.exception();
    }
    {
      auto [p, f] = make_promise<int>();
      p.set_exception(std::runtime_error("thrown"));
      BOOST_CHECK_THROW(f.result(), std::runtime_error);
    }
    auto [p, f] = make_promise<int>();
    p.set_exception(std::runtime_error("awaited"));
    BOOST_CHECK_THROW(co_await f, std::runtime_error);
  };
  s.run(main());  // the stage fails the test if there was an incident
}

// -- others as futures ----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_wrapped_future_is_itself) {  // covers FUT-023
  stage s;
  auto main = []() -> task<void> {
    auto [p, f] = make_promise<int>();
    BOOST_TEST((wrap_future(f) == f));
    p.set_value(1);
    co_return;
  };
  s.run(main());
}

task<int> work(duration length, bool fails) {
  co_await sleep(length);
  if (fails) throw std::runtime_error("no");
  co_return 42;
}

BOOST_AUTO_TEST_CASE(a_task_can_be_had_as_a_future) {  // covers FUT-024
  stage s;
  auto main = []() -> task<void> {
    auto good = wrap_future(spawn(work(1s, false)));
    auto bad = wrap_future(spawn(work(1s, true)));
    auto given_up = spawn(work(1h, false));
    auto cancelled_one = wrap_future(given_up);
    given_up.cancel("enough");
    BOOST_TEST(co_await good == 42);
    BOOST_CHECK_THROW(co_await bad, std::runtime_error);
    BOOST_CHECK_EXCEPTION(co_await cancelled_one, cancelled,
                          [](const cancelled& e) { return e.message() == "enough"; });
  };
  s.run(main());
  task_handle<int> foreign;
  auto other = [&]() -> task<void> {
    foreign = spawn(work(0s, false));
    co_await foreign;
  };
  s.run(other());
  BOOST_CHECK_THROW(wrap_future(foreign), invalid_state);  // nobody runs here
}

BOOST_AUTO_TEST_CASE(cancelling_the_future_of_a_task_cancels_the_task) {  // covers FUT-025
  stage s;
  auto main = []() -> task<void> {
    auto foreign = spawn(work(1h, false));
    auto wrapper = wrap_future(foreign);
    co_await sleep(1ms);
    BOOST_TEST(wrapper.cancel());
    co_await sleep(1ms);
    BOOST_TEST(foreign.cancelled());
    BOOST_CHECK_THROW(co_await wrapper, cancelled);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(after_the_end_of_the_task_that_cancels_the_future_only) {  // covers FUT-026
  stage s;
  auto main = []() -> task<void> {
    auto foreign = spawn(work(0s, false));
    co_await foreign;
    auto wrapper = wrap_future(foreign);
    BOOST_TEST(wrapper.cancel());  // before the result was carried over
    co_await sleep(1ms);
    BOOST_TEST(wrapper.cancelled());
    BOOST_TEST(foreign.result() == 42);
    BOOST_TEST(!foreign.cancelled());
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
