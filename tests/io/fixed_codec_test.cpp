// Records of one size, in every split.
#include <buskin/io/fixed_codec.hpp>

#include "io/codec_checks.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin::test;
using namespace std::string_literals;
using buskin::io::fixed_codec;

BOOST_AUTO_TEST_SUITE(fixed_codec_)

BOOST_AUTO_TEST_CASE(the_stream_is_cut_into_records_of_one_size) {
  BOOST_TEST(read_all(fixed_codec(3), "abcdef") == (words{"abc", "def"}));
  BOOST_TEST(read_all(fixed_codec(1), "a\0b"s) == (words{"a", "\0"s, "b"}));
  BOOST_TEST(read_all(fixed_codec(3), "").empty());
}

BOOST_AUTO_TEST_CASE(a_stream_that_ends_inside_a_record_says_so) {
  BOOST_TEST(read_all(fixed_codec(3), "abcde") == (words{"abc", "<de of 3>"}));
}

BOOST_AUTO_TEST_CASE(the_records_do_not_depend_on_the_split) {
  for (std::size_t size = 1; size != 9; ++size)
    check_every_split(fixed_codec(size), "0123456789ab");
}

BOOST_AUTO_TEST_CASE(a_size_of_zero_and_a_record_of_another_size_are_refused) {
  BOOST_CHECK_THROW(fixed_codec(0), std::invalid_argument);
  check_refused(fixed_codec(3), "");
  check_refused(fixed_codec(3), "ab");
  check_refused(fixed_codec(3), "abcd");
}

BOOST_AUTO_TEST_CASE(random_records_come_back_in_random_pieces) {
  check_random(fixed_codec(7), "ab",
               [](std::mt19937& random) { return random_bytes(random, 7, 7); });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
