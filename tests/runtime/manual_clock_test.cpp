// The clock that is moved by hand.
#include <buskin/runtime/manual_clock.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>

namespace {

using namespace buskin;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(manual_clock_)

BOOST_AUTO_TEST_CASE(it_stands_still_until_it_is_moved_and_never_goes_back) {
  manual_clock clock;
  const auto start = clock.now();
  BOOST_CHECK(clock.now() == start);
  clock.advance(5s);
  BOOST_CHECK(clock.now() - start == 5s);
  clock.advance(-3s);
  BOOST_CHECK(clock.elapsed() == 5s);
  BOOST_TEST(!clock.runs());
}

BOOST_AUTO_TEST_CASE(only_in_jump_mode_it_goes_to_a_deadline) {
  manual_clock by_hand;
  BOOST_TEST(!by_hand.skip_to(by_hand.now() + 1s));
  BOOST_CHECK(by_hand.elapsed() == 0s);
  manual_clock jump(manual_clock::mode::jump);
  BOOST_TEST(jump.skip_to(jump.now() + 1s));
  BOOST_TEST(jump.skip_to(jump.now() - 1s));
  BOOST_CHECK(jump.elapsed() == 1s);
}

BOOST_AUTO_TEST_CASE(those_who_watch_are_told_until_they_stop_watching) {
  manual_clock clock;
  int first = 0;
  int second = 0;
  const auto ticket = clock.watch([&] { ++first; });
  clock.watch([&] { ++second; });
  clock.advance(1s);
  clock.unwatch(ticket);
  clock.advance(1s);
  BOOST_TEST(first == 1);
  BOOST_TEST(second == 2);
}

BOOST_AUTO_TEST_CASE(a_sum_beyond_the_end_of_time_is_the_end_of_time) {
  const time_point present{1h};
  BOOST_CHECK(after(present, 1s) == present + 1s);
  BOOST_CHECK(after(present, -1s) == present - 1s);
  BOOST_CHECK(after(present, duration::max()) == time_point::max());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
