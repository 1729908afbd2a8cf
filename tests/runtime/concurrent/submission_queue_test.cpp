// Many writers, one reader: nothing is lost, and each writer's items stay in order.
#include <buskin/runtime/detail/submission_queue.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace {

using item = std::pair<int, int>;  // writer, number
using queue = buskin::detail::submission_queue<item>;

BOOST_AUTO_TEST_SUITE(submission_queue_)

BOOST_AUTO_TEST_CASE(what_was_pushed_is_drained_in_order_and_once) {
  queue q;
  BOOST_TEST(q.empty());
  q.push({0, 1});
  q.push({0, 2});
  BOOST_TEST(!q.empty());
  std::vector<item> out;
  q.drain(out);
  BOOST_TEST(out.size() == 2U);
  BOOST_TEST(out[0].second == 1);
  BOOST_TEST(q.empty());
}

BOOST_AUTO_TEST_CASE(several_writers_lose_nothing_and_keep_their_order) {
  constexpr int writers = 3;
  constexpr int each = 20'000;
  queue q;
  std::vector<std::thread> threads;
  for (int w = 0; w != writers; ++w)
    threads.emplace_back([&q, w] {
      for (int i = 0; i != each; ++i) q.push({w, i});
    });
  std::vector<int> next(writers, 0);
  bool in_order = true;
  std::vector<item> out;
  for (int received = 0; received != writers * each;) {
    if (q.empty()) {
      std::this_thread::yield();
      continue;
    }
    out.clear();
    q.drain(out);
    for (const auto& [writer, number] : out) {
      in_order = in_order && next[static_cast<std::size_t>(writer)]++ == number;
      ++received;
    }
  }
  for (auto& thread : threads) thread.join();
  BOOST_TEST(in_order);
}

BOOST_AUTO_TEST_CASE(a_reader_that_announces_its_sleep_first_misses_no_item) {
  queue q;
  std::atomic<bool> sleeping{false};
  std::atomic<bool> woken{false};
  constexpr int rounds = 20'000;
  std::thread writer([&] {
    for (int i = 0; i != rounds; ++i) {
      q.push({0, i});
      if (sleeping.exchange(false, std::memory_order_seq_cst))
        woken.store(true, std::memory_order_release);
      if (i % 64 == 0) std::this_thread::yield();
    }
  });
  std::vector<item> out;
  for (int received = 0; received != rounds;) {
    out.clear();
    if (!q.empty()) {
      q.drain(out);
      received += static_cast<int>(out.size());
      continue;
    }
    sleeping.store(true, std::memory_order_seq_cst);
    if (q.empty()) {
      while (!woken.exchange(false, std::memory_order_acquire)) std::this_thread::yield();
    } else if (!sleeping.exchange(false, std::memory_order_seq_cst)) {
      // The writer took the flag: its wake-up is on the way and is not to be mistaken for the next
      // one.
      while (!woken.exchange(false, std::memory_order_acquire)) std::this_thread::yield();
    }
    sleeping.store(false, std::memory_order_seq_cst);
  }
  writer.join();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
