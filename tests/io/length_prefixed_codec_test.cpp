// Frames behind their length, in every split.
#include <buskin/io/length_prefixed_codec.hpp>

#include "io/codec_checks.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin::test;
using namespace std::string_literals;
using buskin::io::byte_order;
using buskin::io::length_of;
using buskin::io::length_prefixed_codec;
using buskin::io::length_prefixed_options;

BOOST_AUTO_TEST_SUITE(length_prefixed_codec_)

BOOST_AUTO_TEST_CASE(the_length_is_four_bytes_the_highest_first_unless_said_otherwise) {
  BOOST_TEST(encoded(length_prefixed_codec(), "abc") == "\0\0\0\3abc"s);
  BOOST_TEST(read_all(length_prefixed_codec(), "\0\0\0\3abc\0\0\0\0\0\0\0\1x"s) ==
             (words{"abc", "", "x"}));
}

BOOST_AUTO_TEST_CASE(a_length_has_one_to_eight_bytes_in_either_order_and_may_count_itself) {
  const std::string text(300, 'x');
  for (std::size_t bytes = 1; bytes <= 8; ++bytes) {
    for (const auto order : {byte_order::big_endian, byte_order::little_endian}) {
      for (const auto counted : {length_of::payload, length_of::whole_frame}) {
        const length_prefixed_codec codec({bytes, order, counted});
        const std::string payload = text.substr(0, bytes == 1 ? 200 : 300);
        const auto frame = encoded(codec, payload);
        const auto number = payload.size() + (counted == length_of::whole_frame ? bytes : 0);
        std::string expected(bytes, '\0');
        for (std::size_t i = 0; i != bytes && i != 2; ++i) {
          const auto place = order == byte_order::little_endian ? i : bytes - 1 - i;
          expected[place] = static_cast<char>(number >> (8 * i));
        }
        BOOST_TEST(frame == expected + payload);
        const auto two = frame + encoded(codec, "");
        BOOST_TEST(read_all(codec, two) == (words{payload, ""}));
        check_every_split(codec, encoded(codec, "ab") + encoded(codec, "") + encoded(codec, "c"));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_length_of_no_bytes_or_nine_is_refused) {
  BOOST_CHECK_THROW(length_prefixed_codec({.length_bytes = 0}), std::invalid_argument);
  BOOST_CHECK_THROW(length_prefixed_codec({.length_bytes = 9}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_length_over_the_limit_loses_the_stream_at_once) {
  const length_prefixed_codec codec({.length_bytes = 2, .max_length = 4});
  BOOST_TEST(read_all(codec, "\0\4abcd"s) == words{"abcd"});
  BOOST_TEST(read_all(codec, "\0\1a\0\5"s) == (words{"a", "<lost>"}));
  check_every_split(codec, "\0\1a\0\5bcdef\0\1a"s);
  const length_prefixed_codec widest({.length_bytes = 8, .counted = length_of::whole_frame});
  BOOST_TEST(read_all(widest, std::string(8, '\xff')) == words{"<lost>"});
  auto step = length_prefixed_codec({.length_bytes = 1, .max_length = 4}).decode("\x05", false);
  BOOST_CHECK_EXCEPTION(
      std::rethrow_exception(step.error), buskin::io::framing_lost, [](const std::exception& e) {
        return std::string(e.what()).find("5 bytes is announced, more than the 4") !=
               std::string::npos;
      });
}

BOOST_AUTO_TEST_CASE(a_length_that_is_less_than_its_own_size_loses_the_stream) {
  const length_prefixed_codec codec({.length_bytes = 2, .counted = length_of::whole_frame});
  BOOST_TEST(read_all(codec, "\0\2\0\3x\0\1"s) == (words{"", "x", "<lost>"}));
  check_every_split(codec, "\0\3x\0\1y"s);
}

BOOST_AUTO_TEST_CASE(a_stream_that_ends_inside_a_frame_says_how_much_was_due) {
  const length_prefixed_codec codec({.length_bytes = 2});
  BOOST_TEST(read_all(codec, "\0\1a\0"s) == (words{"a", "<\0 of 2>"s}));
  BOOST_TEST(read_all(codec, "\0\3ab"s) == words{"<\0\3ab of 5>"s});
  check_every_split(codec, "\0\1a\0\3ab"s);
}

BOOST_AUTO_TEST_CASE(a_payload_that_its_length_cannot_say_is_not_sent) {
  check_refused(length_prefixed_codec({.max_length = 4}), "12345");
  check_refused(length_prefixed_codec({.length_bytes = 1}), std::string(256, 'x'));
  const length_prefixed_codec whole({.length_bytes = 1, .counted = length_of::whole_frame});
  check_refused(whole, std::string(255, 'x'));
  BOOST_TEST(read_all(whole, encoded(whole, std::string(254, 'x'))) ==
             words{std::string(254, 'x')});
}

BOOST_AUTO_TEST_CASE(random_payloads_come_back_in_random_pieces) {
  for (const auto order : {byte_order::big_endian, byte_order::little_endian}) {
    const length_prefixed_codec codec({.length_bytes = 2, .order = order, .max_length = 300});
    check_random(codec, "\0\0\1\2"s,
                 [](std::mt19937& random) { return random_bytes(random, 300); });
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
