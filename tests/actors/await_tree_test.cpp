// Who awaits whom, through everything that one can await with.
#include <buskin/runtime/await_tree.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/lock.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/shield.hpp>
#include <buskin/actors/task_group.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/actors/wait.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;

task<void> idle() { co_await sleep(1h); }

/// The names of the tasks that await the task `name`.
std::set<std::string> awaiting(const await_tree& tree, const std::string& name) {
  std::set<std::string> names;
  const auto* node = tree.find(name);
  BOOST_REQUIRE(node != nullptr);
  for (const auto index : node->awaited_by) names.insert(tree.nodes[index].status.name);
  return names;
}

using names = std::set<std::string>;

task<void> join(task_handle<void> whom) { co_await whom; }

BOOST_AUTO_TEST_SUITE(await_tree_)

BOOST_AUTO_TEST_CASE(
    a_task_is_awaited_by_the_owner_of_its_group_and_by_those_that_join_it) {  // covers GRA-001
  stage s;
  auto main = [&]() -> task<void> {
    auto owner = []() -> task<void> {
      co_await task_group().run([](task_group& group) -> task<void> {
        auto child = group.spawn(idle(), {"child"});
        group.spawn(join(child), {"first"});
        group.spawn(join(child), {"second"});
        co_return;
      });
    };
    auto handle = spawn(owner(), {"owner"});
    co_await sleep(1s);
    const auto tree = s.runtime.capture_await_tree();
    BOOST_CHECK(awaiting(tree, "child") ==
                (names{"task \"owner\"", "task \"first\"", "task \"second\""}));
    BOOST_CHECK(awaiting(tree, "owner").empty());
    handle.cancel();
    co_await sleep(1s);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    the_awaiting_task_is_seen_through_all_that_one_awaits_with) {  // covers GRA-002
  stage s;
  auto main = [&]() -> task<void> {
    auto gathering = [](task_handle<void> one, task_handle<void> two) -> task<void> {
      co_await gather(join(one), join(two));
    };
    auto limited = [](task_handle<void> whom) -> task<void> {
      co_await timeout(1h, [whom](auto&) { return join(whom); });
    };
    auto waiting_for = [](task_handle<void> whom) -> task<void> { co_await wait_for(whom, 1h); };
    auto shielding = [](task_handle<void> whom) -> task<void> { co_await shield(whom); };
    auto looking_on = [](task_handle<void> whom, task_handle<void> other) -> task<void> {
      co_await wait(std::vector{whom, other});
    };
    auto one = spawn(idle(), {"one"});
    auto two = spawn(idle(), {"two"});
    auto shielder = spawn(shielding(one), {"shielder"});
    auto onlooker = spawn(looking_on(one, two), {"onlooker"});
    auto gatherer = spawn(gathering(one, two), {"gatherer"});
    auto limiter = spawn(limited(one), {"limiter"});
    auto waiter = spawn(waiting_for(one), {"waiter"});
    auto plain = spawn(join(one), {"plain"});
    co_await sleep(1s);
    const auto tree = s.runtime.capture_await_tree();
    const auto of_one = awaiting(tree, "one");
    for (const auto* name : {"limiter", "waiter", "plain", "shielder", "onlooker"})
      BOOST_TEST(of_one.contains("task \"" + std::string(name) + "\""), name);
    BOOST_TEST(of_one.size() == 6U);  // and the task that gather made of join(one)
    BOOST_CHECK(awaiting(tree, "two").contains("task \"onlooker\""));
    const auto* gathered = tree.find("gatherer");
    BOOST_REQUIRE(gathered != nullptr);
    BOOST_REQUIRE(gathered->awaits.size() == 2U);
    for (const auto child : gathered->awaits) {
      BOOST_REQUIRE(tree.nodes[child].awaits.size() == 1U);
      const auto& last = tree.nodes[tree.nodes[child].awaits[0]].status.name;
      BOOST_TEST((last == "task \"one\"" || last == "task \"two\""));
    }
    for (auto& each : {gatherer, limiter, waiter, plain, shielder, onlooker, one, two})
      each.cancel();
    co_await sleep(1s);
  };
  s.run(main());
}

task<void> take_both(lock first, lock second) {
  auto held = co_await first.hold();
  co_await sleep(500ms);
  auto other = co_await second.hold();
}

BOOST_AUTO_TEST_CASE(tasks_that_wait_for_each_others_locks_are_a_circle_and_debug_mode_says_so) {
  runtime_options options;
  options.debug = true;
  stage s(manual_clock::mode::by_hand, options);
  auto main = [&]() -> task<void> {
    lock a;
    lock b;
    spawn(take_both(a, b), {"one"});
    spawn(take_both(b, a), {"other"});
    co_return;
  };
  s.run(main());
  s.advance(500ms);
  const auto tree = s.runtime.capture_await_tree();
  BOOST_CHECK(awaiting(tree, "one") == (names{"task \"other\""}));
  BOOST_TEST(tree.cycles().size() == 1U);
  BOOST_TEST(to_string(tree).find("these wait for each other, for ever: task \"one\", task "
                                  "\"other\"") == 0U);
  s.advance(2s);
  s.advance(2s);
  int circles = 0;
  int held = 0;
  for (const auto& what : s.take_incidents()) {
    if (what.code == "BK011") ++circles;
    if (what.code == "BK008") ++held;
  }
  BOOST_TEST(circles == 1);
  BOOST_TEST(held == 2);
}

BOOST_AUTO_TEST_CASE(moving_the_deadline_of_somebody_elses_scope_is_refused_in_debug_mode) {
  runtime_options options;
  options.debug = true;
  stage s(options);
  auto main = []() -> task<void> {
    co_await timeout(1h, [](timeout_scope& scope) -> task<void> {
      auto thief = [](timeout_scope& kept) -> task<void> {
        BOOST_CHECK_THROW(kept.reschedule(time_point::max()), invalid_state);
        co_return;
      };
      co_await spawn(thief(scope), {"thief"});
    });
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(incidents[0].code == "BK006");
  BOOST_TEST(incidents[0].who == "thief");
}

BOOST_AUTO_TEST_CASE(a_queue_that_grows_is_reported_once_a_crossing_in_debug_mode) {
  runtime_options options;
  options.debug = true;
  options.limits.growth = 10;
  stage s(manual_clock::mode::by_hand, options);
  auto main = []() -> task<void> {
    queue<int> items;
    for (int round = 0; round != 2; ++round) {
      for (int i = 0; i != 15; ++i) items.put_nowait(i);
      for (int i = 0; i != 15; ++i) items.get_nowait();
      co_await yield();
      co_await yield();
    }
  };
  s.run(main());
  const auto incidents = s.take_incidents();
  BOOST_REQUIRE(incidents.size() == 2U);
  for (const auto& what : incidents) {
    BOOST_TEST(what.code == "BK009");
    BOOST_TEST(what.text.find("has grown to 10 items") != std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
