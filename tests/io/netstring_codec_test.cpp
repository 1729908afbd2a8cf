// Netstrings, in every split.
#include <buskin/io/netstring_codec.hpp>

#include "io/codec_checks.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin::test;
using namespace std::string_literals;
using buskin::io::netstring_codec;

BOOST_AUTO_TEST_SUITE(netstring_codec_)

BOOST_AUTO_TEST_CASE(a_length_a_colon_the_bytes_and_a_comma) {
  BOOST_TEST(encoded(netstring_codec(), "hello world!") == "12:hello world!,");
  BOOST_TEST(encoded(netstring_codec(), "") == "0:,");
  BOOST_TEST(read_all(netstring_codec(), "12:hello world!,0:,3:1:,,") ==
             (words{"hello world!", "", "1:,"}));
}

BOOST_AUTO_TEST_CASE(what_is_no_netstring_loses_the_stream) {
  for (const std::string wrong :
       {":,", "01:a,", "00:,", "x", "-1:a,", " 1:a,", "1 :a,", "1:ab", "1:a\n", "0:a", "+1:a,"}) {
    BOOST_TEST_CONTEXT(wrong) {
      BOOST_TEST(read_all(netstring_codec(), "1:a," + wrong) == (words{"a", "<lost>"}));
      check_every_split(netstring_codec(), "1:a," + wrong + "1:b,");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_length_over_the_limit_loses_the_stream_at_the_digit_that_says_so) {
  const netstring_codec codec({.max_length = 12});
  BOOST_TEST(read_all(codec, "12:hello world!,") == words{"hello world!"});
  BOOST_TEST(read_all(codec, "13") == words{"<lost>"});
  BOOST_TEST(read_all(codec, std::string(1000, '9')) == words{"<lost>"});
  BOOST_TEST(read_all(netstring_codec({.max_length = 0}), "0:,1") == (words{"", "<lost>"}));
  const netstring_codec widest({.max_length = std::string::npos});
  BOOST_TEST(read_all(widest, "18446744073709551616") == words{"<lost>"});
  BOOST_TEST(read_all(widest, "3:abc,") == words{"abc"});
  check_every_split(codec, "2:ab,0:,13:hello world!!,");
}

BOOST_AUTO_TEST_CASE(a_stream_that_ends_inside_one_says_so) {
  BOOST_TEST(read_all(netstring_codec(), "1:a,12") == (words{"a", "<12 of 4>"}));
  BOOST_TEST(read_all(netstring_codec(), "3:ab") == words{"<3:ab of 6>"});
  BOOST_TEST(read_all(netstring_codec(), "3:abc") == words{"<3:abc of 6>"});
  check_every_split(netstring_codec(), "1:a,3:abc");
}

BOOST_AUTO_TEST_CASE(a_payload_that_is_too_long_is_not_sent) {
  check_refused(netstring_codec({.max_length = 4}), "12345");
}

BOOST_AUTO_TEST_CASE(random_payloads_come_back_in_random_pieces) {
  check_random(netstring_codec({.max_length = 300}), "01:,",
               [](std::mt19937& random) { return random_bytes(random, 300); });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
