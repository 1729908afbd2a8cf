// Frames behind a tag, in every split.
#include <buskin/io/tagged_codec.hpp>

#include "io/codec_checks.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin::test;
using namespace std::string_literals;
using buskin::io::tagged_codec;
using buskin::io::tagged_form;
using buskin::io::tagged_frame;

BOOST_AUTO_TEST_SUITE(tagged_codec_)

BOOST_AUTO_TEST_CASE(tag_1_is_followed_by_a_length_byte_and_tag_2_ends_with_a_newline) {
  const std::string bytes = "\1\3abc\2hello\n\1\0\2\n\1\2\n\1"s;
  BOOST_TEST(read_all(tagged_codec(), bytes) == (words{"1:abc", "2:hello", "1:", "2:", "1:\n\1"}));
  check_every_split(tagged_codec(), bytes);
}

BOOST_AUTO_TEST_CASE(a_byte_that_is_no_tag_is_skipped_and_counted) {
  const std::string bytes = "noise\1\1a\r\n\2b\nx"s;
  const auto run = run_whole(tagged_codec(), bytes);
  BOOST_TEST(run.seen == (words{"1:a", "2:b"}));
  BOOST_TEST((run.codec().counts() == buskin::io::codec_counts{.frames = 2, .dropped = 8}));
  check_every_split(tagged_codec(), bytes);
}

BOOST_AUTO_TEST_CASE(a_user_names_the_tags_and_their_forms) {
  const tagged_codec codec({.forms = {{'T', tagged_form::newline},
                                      {'\n', tagged_form::newline},
                                      {0xff, tagged_form::length_byte}}});
  const std::string bytes = "\1Tone\n\n\n\ntwo\n\xff\1x"s;
  BOOST_TEST(read_all(codec, bytes) == (words{"84:one", "10:", "10:two", "255:x"}));
  check_every_split(codec, bytes);
  BOOST_TEST(read_all(tagged_codec({.forms = {}}), "\1\1a").empty());
}

BOOST_AUTO_TEST_CASE(exactly_the_line_that_is_too_long_is_dropped_and_reported_once) {
  const tagged_codec codec({.max_line = 4});
  const std::string bytes = "\0021234\n\00212345\n\1\1a\0021234567\n\2b\n\00212345"s;
  BOOST_TEST(read_all(codec, bytes) ==
             (words{"2:1234", "<over 4>", "1:a", "<over 4>", "2:b", "<over 4>"}));
  check_every_split(codec, bytes);
}

BOOST_AUTO_TEST_CASE(an_endless_line_is_not_kept) {
  codec_run run(tagged_codec({.max_line = 100}));
  run.feed("\2");
  for (int i = 0; i != 10000; ++i) run.feed("0123456789");
  BOOST_TEST(run.most_kept <= 101U);
  run.feed("\n\1\1a");
  BOOST_TEST(run.seen == (words{"<over 100>", "1:a"}));
}

BOOST_AUTO_TEST_CASE(a_stream_that_ends_inside_a_frame_says_so) {
  BOOST_TEST(read_all(tagged_codec(), "\1") == words{"<\1 of 2>"});
  BOOST_TEST(read_all(tagged_codec(), "\1\3ab") == words{"<\1\3ab of 5>"});
  BOOST_TEST(read_all(tagged_codec(), "\2ab") == words{"<\2ab of 4>"});
  for (const char* bytes : {"x\1\3ab", "x\2ab", "\1"}) check_every_split(tagged_codec(), bytes);
}

BOOST_AUTO_TEST_CASE(what_would_not_come_back_is_not_sent) {
  const tagged_codec codec({.max_line = 4});
  check_refused(codec, {3, "a"});
  check_refused(codec, {1, std::string(256, 'x')});
  check_refused(codec, {2, "12345"});
  check_refused(codec, {2, "a\nb"});
  BOOST_TEST(encoded(codec, {1, "a\nb"}) == "\1\3a\nb");
  BOOST_TEST(encoded(codec, {2, "1234"}) == "\0021234\n");
  const tagged_frame longest{1, std::string(255, 'x')};
  BOOST_TEST((run_whole(codec, encoded(codec, longest)).frames.at(0) == longest));
}

BOOST_AUTO_TEST_CASE(random_frames_come_back_in_random_pieces) {
  check_random(tagged_codec({.max_line = 100}), "\1\2\3\n", [](std::mt19937& random) {
    tagged_frame frame{static_cast<std::uint8_t>(1 + random() % 2), random_bytes(random, 100)};
    if (frame.tag == 2) std::erase(frame.body, '\n');
    return frame;
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
