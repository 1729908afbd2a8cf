// One owner, several thieves: whatever is pushed comes out exactly once.
#include <buskin/runtime/detail/steal_queue.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace {

using queue = buskin::detail::steal_queue<int>;

BOOST_AUTO_TEST_SUITE(steal_queue_)

BOOST_AUTO_TEST_CASE(items_come_out_in_the_order_in_which_they_were_pushed_also_beyond_the_ring) {
  std::vector<int> items(queue::capacity * 5);
  queue q;
  for (int& item : items) q.push(&item);
  BOOST_TEST(q.size() == items.size());
  for (int& item : items) BOOST_REQUIRE(q.pop() == &item);
  BOOST_TEST((q.pop() == nullptr));
  BOOST_TEST(q.empty());
}

BOOST_AUTO_TEST_CASE(a_thief_gets_the_oldest) {
  int items[2]{};
  queue q;
  q.push(&items[0]);
  q.push(&items[1]);
  BOOST_TEST((q.steal() == &items[0]));
  BOOST_TEST((q.pop() == &items[1]));
  BOOST_TEST((q.steal() == nullptr));
}

BOOST_AUTO_TEST_CASE(order_is_kept_when_pushes_and_pops_alternate_around_the_overflow) {
  std::vector<int> items(queue::capacity * 8);
  queue q;
  std::size_t in = 0;
  std::size_t out = 0;
  while (out != items.size()) {
    for (int i = 0; i != 300 && in != items.size(); ++i) q.push(&items[in++]);
    for (int i = 0; i != 200 && out != in; ++i) BOOST_REQUIRE(q.pop() == &items[out++]);
  }
}

// `burst`: how many the owner pushes before it pops some, small within the ring and large beyond
// it.
void owner_against_two_thieves(std::size_t burst) {
  constexpr std::size_t total = 100'000;
  std::vector<int> items(total, 0);
  std::vector<std::atomic<int>> taken(total);
  queue q;
  std::atomic<bool> finished{false};
  const auto count = [&](int* item) {
    taken[static_cast<std::size_t>(item - items.data())].fetch_add(1);
  };
  const auto thief = [&] {
    while (!finished.load(std::memory_order_acquire) || !q.empty()) {
      if (int* item = q.steal())
        count(item);
      else
        std::this_thread::yield();
    }
  };
  std::thread first(thief);
  std::thread second(thief);
  for (std::size_t pushed = 0; pushed != total;) {
    for (std::size_t i = 0; i != burst && pushed != total; ++i) q.push(&items[pushed++]);
    for (std::size_t i = 0; i != burst / 2; ++i)
      if (int* item = q.pop()) count(item);
  }
  while (int* item = q.pop()) count(item);
  finished.store(true, std::memory_order_release);
  first.join();
  second.join();
  BOOST_TEST(
      std::all_of(taken.begin(), taken.end(), [](const auto& times) { return times.load() == 1; }));
}

BOOST_AUTO_TEST_CASE(every_item_is_taken_exactly_once_within_the_ring) {
  owner_against_two_thieves(10);
}
BOOST_AUTO_TEST_CASE(every_item_is_taken_exactly_once_with_overflow) {
  owner_against_two_thieves(2000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
