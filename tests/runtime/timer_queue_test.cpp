// The heap of timers.
#include <buskin/runtime/detail/timer_queue.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using detail::timer;
using detail::timer_queue;

struct noting : timer {
  noting(int n, std::vector<int>& l) : timer(&fire), number(n), log(l) {}
  static void fire(timer& t) noexcept {
    auto& self = static_cast<noting&>(t);
    self.log.push_back(self.number);
  }
  int number;
  std::vector<int>& log;
};

time_point at(int ms) { return time_point{std::chrono::milliseconds(ms)}; }

BOOST_AUTO_TEST_SUITE(timer_queue_)

BOOST_AUTO_TEST_CASE(
    timers_fire_in_the_order_of_their_times_and_equal_ones_in_the_order_of_arming) {
  timer_queue q(timer_queue::access::single_thread);
  std::vector<int> log;
  noting a(1, log), b(2, log), c(3, log), d(4, log);
  q.arm(a, at(3));
  q.arm(b, at(1));
  q.arm(c, at(3));
  q.arm(d, at(2));
  BOOST_CHECK(q.next_due() == at(1));
  BOOST_TEST(q.fire_due(at(2)) == 2U);
  BOOST_TEST(q.fire_due(at(3)) == 2U);
  BOOST_TEST(log == (std::vector{2, 4, 1, 3}), boost::test_tools::per_element());
  BOOST_TEST(!q.next_due().has_value());
}

BOOST_AUTO_TEST_CASE(
    a_timer_is_armed_anew_as_often_as_wanted_and_stays_one_entry) {  // covers TRI-014
  timer_queue q(timer_queue::access::single_thread);
  std::vector<int> log;
  noting a(1, log);
  for (int i = 0; i != 10'000; ++i) q.arm(a, at(i % 100 + 1));
  BOOST_TEST(q.size() == 1U);
  q.fire_due(at(1000));
  BOOST_TEST(log.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_disarmed_timer_does_not_fire_and_says_whether_it_was_in_time) {
  timer_queue q(timer_queue::access::single_thread);
  std::vector<int> log;
  noting a(1, log);
  BOOST_TEST(!a.disarm());
  q.arm(a, at(1));
  BOOST_TEST(a.armed());
  BOOST_TEST(a.disarm());
  BOOST_TEST(!a.disarm());
  q.arm(a, at(1));
  q.fire_due(at(1));
  BOOST_TEST(!a.disarm());
  BOOST_TEST(log.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_destroyed_timer_leaves_the_queue) {
  timer_queue q(timer_queue::access::single_thread);
  std::vector<int> log;
  {
    noting a(1, log);
    q.arm(a, at(1));
  }
  BOOST_TEST(q.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_timer_may_outlive_its_queue) {
  std::vector<int> log;
  noting a(1, log);
  {
    timer_queue q(timer_queue::access::any_thread);
    q.arm(a, at(1));
  }
  BOOST_TEST(!a.disarm());
}

BOOST_AUTO_TEST_CASE(the_order_holds_for_any_sequence_of_arming_and_disarming) {
  std::mt19937 random(7);
  timer_queue q(timer_queue::access::single_thread);
  std::vector<int> log;
  std::deque<noting> timers;
  for (int i = 0; i != 500; ++i) timers.emplace_back(i, log);
  std::vector<int> due(500, -1);
  for (int step = 0; step != 5000; ++step) {
    const auto which = std::uniform_int_distribution<int>(0, 499)(random);
    auto& t = timers[static_cast<std::size_t>(which)];
    if (random() % 3 == 0) {
      t.disarm();
      due[static_cast<std::size_t>(which)] = -1;
    } else {
      const int when = std::uniform_int_distribution<int>(1, 200)(random);
      q.arm(t, at(when));
      due[static_cast<std::size_t>(which)] = when;
    }
  }
  const auto armed = std::count_if(due.begin(), due.end(), [](int d) { return d >= 0; });
  BOOST_TEST(q.size() == static_cast<std::size_t>(armed));
  q.fire_due(at(1000));
  BOOST_TEST(log.size() == static_cast<std::size_t>(armed));
  BOOST_TEST(std::is_sorted(log.begin(), log.end(), [&](int x, int y) {
    return due[static_cast<std::size_t>(x)] < due[static_cast<std::size_t>(y)];
  }));
}

struct disarming : timer {
  explicit disarming(timer& o) : timer(&fire), other(o) {}
  static void fire(timer& t) noexcept { static_cast<disarming&>(t).other.disarm(); }
  timer& other;
};

BOOST_AUTO_TEST_CASE(a_timer_that_another_disarms_as_it_fires_does_not_fire) {
  timer_queue q(timer_queue::access::single_thread);
  std::vector<int> log;
  noting victim(1, log), after(2, log);
  disarming first(victim);
  q.arm(first, at(1));
  q.arm(victim, at(1));
  q.arm(after, at(1));
  BOOST_TEST(q.fire_due(at(1)) == 2U);
  BOOST_TEST(log == std::vector{2}, boost::test_tools::per_element());
  BOOST_TEST(q.size() == 0U);
}

BOOST_AUTO_TEST_CASE(no_more_fire_at_a_time_than_is_permitted) {
  timer_queue q(timer_queue::access::single_thread);
  std::vector<int> log;
  std::deque<noting> timers;
  for (int i = 0; i != 50; ++i) q.arm(timers.emplace_back(i, log), at(1));
  BOOST_TEST(q.fire_due(at(1), 20) == 20U);
  BOOST_TEST(q.size() == 30U);
  BOOST_TEST(q.fire_due(at(1), 100) == 30U);
}

BOOST_AUTO_TEST_CASE(deadlines_that_are_never_reached_do_not_pile_up) {
  timer_queue q(timer_queue::access::single_thread);
  std::vector<int> log;
  noting last(0, log);
  q.arm(last, at(1));
  for (int i = 0; i != 100'000; ++i) {
    noting t(1, log);
    q.arm(t, at(1000 + i));
    BOOST_REQUIRE(q.entries() <= 100U);
  }
  BOOST_CHECK(q.next_due() == at(1));
  q.fire_due(at(1'000'000));
  BOOST_TEST(log == std::vector{0}, boost::test_tools::per_element());
}

struct slow : timer {
  slow() : timer(&fire) {}
  static void fire(timer& t) noexcept {
    auto& self = static_cast<slow&>(t);
    self.inside = true;
    for (int i = 0; i != 50; ++i) std::this_thread::yield();
    self.inside = false;
  }
  std::atomic<bool> inside{false};
};

BOOST_AUTO_TEST_CASE(when_disarm_has_returned_the_fire_function_is_not_running_in_another_thread) {
  timer_queue q(timer_queue::access::any_thread);
  std::atomic<bool> stop{false};
  std::thread firing([&] {
    while (!stop) q.fire_due(at(1));
  });
  bool seen_inside = false;
  for (int i = 0; i != 5'000; ++i) {
    slow t;
    q.arm(t, at(1));
    if (i % 4 == 0) std::this_thread::yield();
    t.disarm();
    seen_inside = seen_inside || t.inside;
  }
  stop = true;
  firing.join();
  BOOST_TEST(!seen_inside);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
