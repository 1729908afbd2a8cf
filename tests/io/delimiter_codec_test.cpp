// Records between delimiters, in every split.
#include <buskin/io/delimiter_codec.hpp>

#include "io/codec_checks.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin::test;
using namespace std::string_literals;
using buskin::io::delimiter_codec;
using buskin::io::last_record;

delimiter_codec by(std::string delimiter, std::size_t max_length = 65536,
                   last_record last = last_record::needs_delimiter) {
  return delimiter_codec({std::move(delimiter), max_length, last});
}

BOOST_AUTO_TEST_SUITE(delimiter_codec_)

BOOST_AUTO_TEST_CASE(each_delimiter_ends_a_record_and_two_in_a_row_are_an_empty_one) {
  BOOST_TEST(read_all(by("||"), "a||||b|c||") == (words{"a", "", "b|c"}));
  BOOST_TEST(read_all(by("\0"s), "a\0\0b\0"s) == (words{"a", "", "b"}));
  BOOST_TEST(read_all(by("\n"), "").empty());
}

BOOST_AUTO_TEST_CASE(an_empty_delimiter_is_refused) {
  // covers STR-024
  BOOST_CHECK_THROW(by(""), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_delimiter_split_over_pieces_is_found_also_after_a_false_start) {
  // covers STR-026
  check_every_split(by("\r\n"), "a\r\n\r\r\nb\rc\n\r\n");
  check_every_split(by("aab"), "xaaabaabaaaab..aab");
  check_every_split(by("abab"), "1aba2abab3ababab4abababab");
  buskin::test::codec_run run(by("aab"));
  for (const char* piece : {"xa", "a", "a", "b"}) run.feed(piece);
  BOOST_TEST(run.seen == words{"xa"});
}

BOOST_AUTO_TEST_CASE(exactly_the_record_that_is_too_long_is_dropped_and_reported_once) {
  for (const std::string delimiter : {";", "<>", "abab"}) {
    for (const auto last : {last_record::needs_delimiter, last_record::may_be_bare}) {
      const auto codec = by(delimiter, 4, last);
      const auto bytes = "1234" + delimiter + "12345" + delimiter + "x" + delimiter +
                         "aba, a<b and so on" + delimiter + delimiter;
      BOOST_TEST(read_all(codec, bytes) == (words{"1234", "<over 4>", "x", "<over 4>", ""}));
      for (const char* tail : {"", "1", "1234", "1234<", "1234ab", "12345", "12345ab"})
        check_every_split(codec, bytes + tail);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_endless_record_is_not_kept) {
  buskin::test::codec_run run(by("<end>", 100));
  for (int i = 0; i != 10000; ++i) run.feed("0123456<en");
  BOOST_TEST(run.seen == words{"<over 100>"});
  BOOST_TEST(run.most_kept <= 104U);
  run.feed("<end>next<end>");
  BOOST_TEST(run.seen == (words{"<over 100>", "next"}));
  BOOST_TEST(run.codec().counts().dropped == 100005U);
}

BOOST_AUTO_TEST_CASE(a_record_without_its_delimiter_is_half_a_record_unless_said_otherwise) {
  BOOST_TEST(read_all(by("\r\n"), "a\r\nbc") == (words{"a", "<bc of 4>"}));
  BOOST_TEST(read_all(by("\r\n"), "bc\r") == words{"<bc\r of 5>"});
  const auto bare = by("\r\n", 3, last_record::may_be_bare);
  BOOST_TEST(read_all(bare, "a\r\nbc") == (words{"a", "bc"}));
  BOOST_TEST(read_all(bare, "a\r\n") == words{"a"});
  BOOST_TEST(read_all(bare, "abc\r") == words{"<over 3>"});
  for (const char* bytes : {"a\r\nbc", "a\r\nabc\r", "a\r\nabcdefg"}) {
    check_every_split(bare, bytes);
    check_every_split(by("\r\n", 3), bytes);
  }
}

BOOST_AUTO_TEST_CASE(what_would_not_come_back_is_not_sent) {
  check_refused(by("<>", 4), "a<>b");
  check_refused(by("<>", 4), "12345");
  check_refused(by("aa"), "ba");  // "baa" + "a": a record would end one byte early
  BOOST_TEST(encoded(by("<>", 4), "1234") == "1234<>");
  BOOST_TEST(encoded(by("aa"), "ab") == "abaa");
}

BOOST_AUTO_TEST_CASE(random_records_come_back_in_random_pieces) {
  check_random(by("\r\n", 30), "a\r\n", [](std::mt19937& random) {
    auto record = random_bytes(random, 30);
    std::erase(record, '\n');
    return record;
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
