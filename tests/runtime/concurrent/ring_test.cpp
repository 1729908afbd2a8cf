// The owner-only run queue.
#include <buskin/runtime/detail/ring.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <vector>

namespace {

BOOST_AUTO_TEST_SUITE(ring_)

BOOST_AUTO_TEST_CASE(it_keeps_the_order_while_it_grows_and_wraps) {
  std::vector<int> items(10'000);
  buskin::detail::ring<int> r;
  BOOST_TEST((r.pop() == nullptr));
  std::size_t in = 0;
  std::size_t out = 0;
  while (out != items.size()) {
    for (int i = 0; i != 70 && in != items.size(); ++i) r.push(&items[in++]);
    for (int i = 0; i != 50 && out != in; ++i) BOOST_REQUIRE(r.pop() == &items[out++]);
    BOOST_TEST(r.size() == in - out);
  }
  BOOST_TEST(r.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
