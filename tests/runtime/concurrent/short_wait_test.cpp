// Waiting with open eyes, as long as that is worth while.
#include <buskin/runtime/detail/spin.hpp>

#include <boost/test/unit_test.hpp>

#include <thread>

namespace {

using buskin::detail::short_wait;

BOOST_AUTO_TEST_SUITE(short_wait_)

BOOST_AUTO_TEST_CASE(after_a_few_waits_in_vain_it_looks_only_once_in_a_while) {
  short_wait wait;
  int waits = 0;
  for (int i = 0; i != 1000; ++i) {
    bool looked = false;
    BOOST_TEST(!wait([&] {
      looked = true;
      return false;
    }));
    if (looked) ++waits;
  }
  BOOST_TEST(waits < 30);
}

BOOST_AUTO_TEST_CASE(one_that_was_worth_while_makes_it_look_again) {
  if (std::thread::hardware_concurrency() < 2) return;  // it never waits there
  short_wait wait;
  for (int i = 0; i != 10; ++i) wait([] { return false; });
  bool found = false;
  for (int i = 0; i != 64 && !found; ++i) found = wait([] { return true; });
  BOOST_TEST(found);
  BOOST_TEST(wait([] { return true; }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
