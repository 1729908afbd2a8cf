// SLIP packets, in every split.
#include <buskin/io/slip_codec.hpp>

#include "io/codec_checks.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin::test;
using namespace std::string_literals;
using buskin::io::slip_codec;
using buskin::io::slip_start;

BOOST_AUTO_TEST_SUITE(slip_codec_)

BOOST_AUTO_TEST_CASE(a_packet_stands_between_ends_and_is_escaped_as_the_rfc_says) {
  BOOST_TEST(encoded(slip_codec(), "a\xC0\xDB\xDC\xDDz") ==
             "\xC0\x61\xDB\xDC\xDB\xDD\xDC\xDDz\xC0");
  BOOST_TEST(encoded(slip_codec({.start = slip_start::nothing}), "a") == "a\xC0");
  BOOST_TEST(read_all(slip_codec(), "\xC0\x61\xDB\xDC\xDB\xDD\xDC\xDDz\xC0") ==
             words{"a\xC0\xDB\xDC\xDDz"});
}

BOOST_AUTO_TEST_CASE(nothing_between_two_ends_is_no_packet) {
  BOOST_TEST(read_all(slip_codec(), "\xC0\xC0\xC0x\xC0\xC0y\xC0") == (words{"x", "y"}));
  BOOST_TEST(read_all(slip_codec(), "\xC0\xC0").empty());
}

BOOST_AUTO_TEST_CASE(noise_before_the_first_end_is_a_packet_of_its_own) {
  BOOST_TEST(read_all(slip_codec(), "noise" + encoded(slip_codec(), "x")) == (words{"noise", "x"}));
}

BOOST_AUTO_TEST_CASE(a_wrong_escape_costs_its_packet_and_no_other) {
  BOOST_TEST(read_all(slip_codec(), "a\xDBxyz\xDB\xDC\xC0next\xC0") == (words{"<bad>", "next"}));
  BOOST_TEST(read_all(slip_codec(), "a\xDB\xC0next\xC0") == (words{"<bad>", "next"}));
  BOOST_TEST(read_all(slip_codec(), "a\xDB\xDB\xDC\xC0next\xC0") == (words{"<bad>", "next"}));
}

BOOST_AUTO_TEST_CASE(a_packet_that_is_too_long_costs_no_other) {
  const slip_codec codec({.max_length = 4});
  BOOST_TEST(read_all(codec, "1234\xC0\x31\x32\x33\x34\x35\xC0\x31\x32\x33\xDB\xDD\xC0") ==
             (words{"1234", "<over 4>", "123\xDB"}));
  BOOST_TEST(read_all(codec, "1234\xDB\xDC\xC0x\xC0") == (words{"<over 4>", "x"}));
  codec_run run(codec);
  for (int i = 0; i != 10000; ++i) run.feed("0123456789");
  BOOST_TEST(run.most_kept == 0U);
  run.feed("\xC0ok\xC0");
  BOOST_TEST(run.seen == (words{"<over 4>", "ok"}));
  BOOST_TEST(run.codec().counts().dropped == 100001U);
}

BOOST_AUTO_TEST_CASE(a_stream_that_ends_inside_a_packet_says_so) {
  BOOST_TEST(read_all(slip_codec(), "x\xC0\x61\xDB\xDC") == (words{"x", "<a\xC0 of 3>"}));
  BOOST_TEST(read_all(slip_codec(), "ab\xDB") == words{"<ab of 3>"});
  BOOST_TEST(read_all(slip_codec(), "\xDB") == words{"< of 1>"});
}

BOOST_AUTO_TEST_CASE(the_packets_do_not_depend_on_the_split) {
  for (const char* bytes :
       {"\xC0\xC0\x61\xDB\xDC\xDB\xDD\xC0\xDBx\xC0ok\xC0\xDB\xC0y\xC0tail\xDB",
        "1234\xC0\x31\x32\x33\x34\x35\xC0\x31\x32\x33\x34\xDB\xDC\xC0z\xC0\x31\x32\x33\x34\x35",
        "12345\xDB", "a\xDBxx"}) {
    check_every_split(slip_codec(), bytes);
    check_every_split(slip_codec({.max_length = 4}), bytes);
    check_every_split(slip_codec({.max_length = 0}), bytes);
  }
}

BOOST_AUTO_TEST_CASE(an_empty_packet_and_one_that_is_too_long_are_not_sent) {
  check_refused(slip_codec(), "");
  check_refused(slip_codec({.max_length = 4}), "12345");
}

BOOST_AUTO_TEST_CASE(random_packets_come_back_in_random_pieces) {
  check_random(slip_codec({.max_length = 20}), "a\xC0\xDB\xDC\xDD",
               [](std::mt19937& random) { return random_bytes(random, 20, 1); });
  check_random(slip_codec({.start = slip_start::nothing}), "a\xC0\xDB\xDC\xDD",
               [](std::mt19937& random) {
                 auto packet = random_bytes(random, 20, 1);
                 for (char& c : packet) c = "\xC0\xDB\xDC\xDD"[static_cast<unsigned char>(c) % 4];
                 return packet;
               });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
