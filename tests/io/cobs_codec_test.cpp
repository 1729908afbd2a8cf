// COBS packets, in every split.
#include <buskin/io/cobs_codec.hpp>

#include "io/codec_checks.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin::test;
using namespace std::string_literals;
using buskin::io::cobs_codec;

// Bytes first, first + 1, ... as in the published examples.
std::string counting(int first, int size) {
  std::string bytes;
  for (int i = 0; i != size; ++i) bytes += static_cast<char>(first + i);
  return bytes;
}

BOOST_AUTO_TEST_SUITE(cobs_codec_)

BOOST_AUTO_TEST_CASE(packets_are_stuffed_as_the_paper_says) {
  const std::vector<std::pair<std::string, std::string>> examples = {
      {"", "\1\0"s},
      {"\0"s, "\1\1\0"s},
      {"\0\0"s, "\1\1\1\0"s},
      {"\0\x11\0"s, "\1\2\x11\1\0"s},
      {"\x11\x22\0\x33"s, "\3\x11\x22\2\x33\0"s},
      {"\x11\0\0\0"s, "\2\x11\1\1\1\0"s},
      {counting(1, 253), "\xFE" + counting(1, 253) + "\0"s},
      {counting(1, 254), "\xFF" + counting(1, 254) + "\0"s},
      {counting(0, 255), "\1\xFF" + counting(1, 254) + "\0"s},
      {counting(1, 255), "\xFF" + counting(1, 254) + "\2\xFF\0"s},
      {counting(2, 254) + "\0"s, "\xFF" + counting(2, 254) + "\1\1\0"s},
      {counting(3, 253) + "\0\1"s, "\xFE" + counting(3, 253) + "\2\1\0"s},
  };
  for (const auto& [packet, bytes] : examples) {
    BOOST_TEST((encoded(cobs_codec(), packet) == bytes));
    BOOST_TEST((read_all(cobs_codec(), bytes) == words{packet}));
  }
}

BOOST_AUTO_TEST_CASE(an_empty_block_behind_a_full_one_is_taken_as_others_send_it) {
  const auto bytes = "\xFF" + counting(1, 254) + "\1\0"s;
  BOOST_TEST((read_all(cobs_codec({.max_length = 254}), bytes) == words{counting(1, 254)}));
}

BOOST_AUTO_TEST_CASE(further_zeros_are_no_packet) {
  const auto run = run_whole(cobs_codec(), "\0\0\2a\0\0\0\1\0\0"s);
  BOOST_TEST(run.seen == (words{"a", ""}));
  BOOST_TEST((run.codec().counts() == buskin::io::codec_counts{.frames = 2}));
}

BOOST_AUTO_TEST_CASE(a_packet_that_contradicts_itself_costs_no_other) {
  const auto bytes = "\5abc\0\2x\0\3a\0\2y\0"s;
  const auto run = run_whole(cobs_codec(), bytes);
  BOOST_TEST(run.seen == (words{"<bad>", "x", "<bad>", "y"}));
  BOOST_TEST(
      (run.codec().counts() == buskin::io::codec_counts{.frames = 2, .errors = 2, .dropped = 8}));
}

BOOST_AUTO_TEST_CASE(a_packet_that_is_too_long_costs_no_other) {
  const cobs_codec codec({.max_length = 4});
  const auto bytes = encoded(codec, "1234") + encoded(cobs_codec(), "12345") +
                     encoded(cobs_codec(), "123456789") + encoded(codec, "\0\0\0\0"s);
  BOOST_TEST(read_all(codec, bytes) == (words{"1234", "<over 4>", "<over 4>", "\0\0\0\0"s}));
  codec_run run(codec);
  for (int i = 0; i != 10000; ++i) run.feed("0123456789");
  BOOST_TEST(run.most_kept <= 5U);
  run.feed("\0\3ok\0"s);
  BOOST_TEST(run.seen == (words{"<over 4>", "ok"}));
  BOOST_TEST(run.codec().counts().dropped == 100001U);
}

BOOST_AUTO_TEST_CASE(a_limit_holds_also_for_many_short_blocks) {
  // 257 zeros take as many bytes on the line as a full packet of 255 may, and one.
  const cobs_codec codec({.max_length = 255});
  BOOST_TEST(
      (read_all(codec, encoded(codec, std::string(255, '\0'))) == words{std::string(255, '\0')}));
  BOOST_TEST(read_all(codec, encoded(cobs_codec(), std::string(256, '\0'))) == words{"<over 255>"});
}

BOOST_AUTO_TEST_CASE(a_stream_that_ends_inside_a_packet_says_so) {
  BOOST_TEST(read_all(cobs_codec(), "\2a\0\3b"s) == (words{"a", "<\3b of 3>"}));
}

BOOST_AUTO_TEST_CASE(the_packets_do_not_depend_on_the_split) {
  for (const auto& bytes : {"\0\0\2a\0\0\1\0\5abc\0\3xy\1\0\2z"s,
                            "\7"
                            "123456\0\5abcd\0\7"
                            "123456"s}) {
    check_every_split(cobs_codec(), bytes);
    check_every_split(cobs_codec({.max_length = 4}), bytes);
    check_every_split(cobs_codec({.max_length = 0}), bytes);
  }
}

BOOST_AUTO_TEST_CASE(a_packet_that_is_too_long_is_not_sent) {
  check_refused(cobs_codec({.max_length = 4}), "12345");
}

BOOST_AUTO_TEST_CASE(random_packets_come_back_in_random_pieces) {
  check_random(cobs_codec({.max_length = 1000}), "\0\1\2a\xff"s,
               [](std::mt19937& random) { return random_bytes(random, 1000); });
  check_random(cobs_codec({.max_length = 3}), "\0\1\2\3\4"s, [](std::mt19937& random) {
    auto packet = random_bytes(random, 3);
    for (char& c : packet) c = static_cast<char>(c & 1);
    return packet;
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
