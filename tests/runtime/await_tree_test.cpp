// The tree by itself; what groups, handles and locks put into it is
// tests/actors/await_tree_test.cpp.
#include <buskin/runtime/await_tree.hpp>

#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"
#include "support/start.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;
using buskin::test::start;

/// A tree of nodes named "0", "1", … that await each other as said.
await_tree tree_of(const std::vector<std::vector<std::size_t>>& awaits) {
  await_tree tree;
  tree.nodes.resize(awaits.size());
  for (std::size_t i = 0; i != awaits.size(); ++i) {
    tree.nodes[i].status.name = std::to_string(i);
    tree.nodes[i].status.id = 100 + i;
    tree.nodes[i].awaits = awaits[i];
    for (const auto to : awaits[i]) tree.nodes[to].awaited_by.push_back(i);
  }
  return tree;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

BOOST_AUTO_TEST_SUITE(await_tree_)

BOOST_AUTO_TEST_CASE(it_is_printed_with_who_is_awaited_below) {
  const auto text = to_string(tree_of({{1, 2}, {3}, {}, {}}));
  BOOST_TEST(text ==
             "0 (100): waits for a message\n"
             "├── 1 (101): waits for a message\n"
             "│   └── 3 (103): waits for a message\n"
             "└── 2 (102): waits for a message\n");
}

BOOST_AUTO_TEST_CASE(whoever_is_awaited_twice_is_told_in_full_once) {
  const auto text = to_string(tree_of({{2}, {2}, {}}));
  BOOST_TEST(text ==
             "0 (100): waits for a message\n"
             "└── 2 (102): waits for a message\n"
             "1 (101): waits for a message\n"
             "└── 2 (102): see above\n");
}

BOOST_AUTO_TEST_CASE(a_circle_is_reported_and_not_followed_for_ever) {  // covers TOO-001
  const auto tree = tree_of({{1}, {2}, {1, 3}, {}, {4}});
  const auto cycles = tree.cycles();
  BOOST_REQUIRE(cycles.size() == 2U);
  BOOST_TEST(cycles[0] == (std::vector<std::size_t>{1, 2}), boost::test_tools::per_element());
  BOOST_TEST(cycles[1] == (std::vector<std::size_t>{4}), boost::test_tools::per_element());
  const auto text = to_string(tree);
  BOOST_TEST(text.find("these wait for each other, for ever: 1, 2\n") == 0U);
  BOOST_TEST(count(text, "waits for a message") == 5U);
  BOOST_TEST(count(text, "1 (101): see above") == 1U);
}

BOOST_AUTO_TEST_CASE(long_chains_need_no_stack) {
  std::vector<std::vector<std::size_t>> chain(20'000);
  for (std::size_t i = 0; i + 1 != chain.size(); ++i) chain[i] = {i + 1};
  BOOST_TEST(tree_of(chain).cycles().empty());
  chain.back() = {0};
  BOOST_TEST(tree_of(chain).cycles().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_live_runtime_is_captured_with_what_its_tasks_wait_for) {
  stage s;
  auto idle = []() -> task<void> { co_await sleep(1h); };
  auto main = [&]() -> task<void> {
    const auto given = s.runtime.submit(idle(), "idle");
    auto joins = [](submitted<void> what) -> task<void> { co_await what; };
    const auto joining = start(joins(given), "joining");
    co_await sleep(1s);
    const auto tree = s.runtime.capture_await_tree();
    BOOST_TEST(tree.nodes.size() == 3U);
    BOOST_TEST(tree.cycles().empty());
    const auto* waits = tree.find("joining");
    BOOST_REQUIRE(waits != nullptr);
    BOOST_REQUIRE(waits->awaits.size() == 1U);
    BOOST_TEST(tree.nodes[waits->awaits[0]].status.name == "task \"idle\"");
    BOOST_TEST(tree.find("nobody") == nullptr);
    const auto text = to_string(tree);
    BOOST_TEST(text.find("└── task \"idle\"") != std::string::npos);
    BOOST_TEST(text.find("task \"main\"") != std::string::npos);
    given.cancel();
    co_await sleep(1s);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
