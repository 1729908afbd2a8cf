// The line codec alone: no stream, only bytes in every split.
#include <buskin/io/line_codec.hpp>
#include <buskin/runtime/errors.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using buskin::io::line_codec;
using buskin::io::line_options;
using buskin::io::lone_cr;
using strings = std::vector<std::string>;

// What a reader would see: the lines, and "<overrun>" where the codec reports one.
class reader {
 public:
  explicit reader(line_options options) : codec_(options) {}

  void feed(std::string_view bytes, bool at_end) {
    buffer_ += bytes;
    for (;;) {
      auto step = codec_.decode(buffer_, at_end);
      BOOST_REQUIRE_LE(step.consumed, buffer_.size());
      buffer_.erase(0, step.consumed);
      if (step.frame) seen.push_back(*step.frame);
      if (step.error) seen.emplace_back("<overrun>");
      if (step.consumed == 0 && !step.frame && !step.error) break;
    }
    most_buffered = std::max(most_buffered, buffer_.size());
  }

  std::size_t left_over() const { return buffer_.size(); }

  strings seen;
  std::size_t most_buffered = 0;

 private:
  line_codec codec_;
  std::string buffer_;
};

strings read_all(std::string_view bytes, line_options options = {}) {
  reader r(options);
  r.feed(bytes, false);
  r.feed("", true);
  BOOST_TEST(r.left_over() == 0U);
  return r.seen;
}

void check_every_split(std::string_view bytes, line_options options) {
  const auto expected = read_all(bytes, options);
  for (std::size_t i = 0; i <= bytes.size(); ++i) {
    for (std::size_t j = i; j <= bytes.size(); ++j) {
      reader r(options);
      r.feed(bytes.substr(0, i), false);
      r.feed(bytes.substr(i, j - i), false);
      r.feed(bytes.substr(j), true);
      BOOST_TEST_CONTEXT("split at " << i << " and " << j) { BOOST_TEST(r.seen == expected); }
    }
  }
  reader single(options);
  for (const char c : bytes) single.feed({&c, 1}, false);
  single.feed("", true);
  BOOST_TEST(single.seen == expected);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(line_codec_test)

BOOST_AUTO_TEST_CASE(lines_end_at_lf_or_crlf_and_an_empty_line_is_a_line) {
  BOOST_TEST(read_all("a\nbc\r\n\n\r\nd\n") == (strings{"a", "bc", "", "", "d"}));
}

BOOST_AUTO_TEST_CASE(only_one_cr_before_the_lf_belongs_to_the_ending) {
  BOOST_TEST(read_all("a\r\r\nb\rc\n") == (strings{"a\r", "b\rc"}));
}

BOOST_AUTO_TEST_CASE(a_last_line_without_an_ending_is_delivered_at_the_end) {
  BOOST_TEST(read_all("a\nb") == (strings{"a", "b"}));
  BOOST_TEST(read_all("a\nb\r") == (strings{"a", "b"}));
  BOOST_TEST(read_all("a\n") == strings{"a"});
  BOOST_TEST(read_all("").empty());
}

BOOST_AUTO_TEST_CASE(a_line_may_hold_any_byte) {
  const std::string line("\0\x80\xff\t", 4);
  BOOST_TEST(read_all(line + "\n") == strings{line});
}

BOOST_AUTO_TEST_CASE(a_lone_cr_ends_a_line_at_once_if_asked_for) {
  const line_options options{.on_lone_cr = lone_cr::ends_line};
  BOOST_TEST(read_all("a\rb\r\nc\n\rd\r\r", options) == (strings{"a", "b", "c", "", "d", ""}));
  reader r(options);
  r.feed("a\r", false);
  BOOST_TEST(r.seen == strings{"a"});
  r.feed("\nb\n", false);
  BOOST_TEST(r.seen == (strings{"a", "b"}));
}

BOOST_AUTO_TEST_CASE(the_frames_do_not_depend_on_how_the_bytes_are_split) {
  const std::string bytes =
      "ab\r\n\nabcd\nabcde\nabcd\r\nabcd\r\r\n\rx\ry\n\r\nabcdefghijk\r\nz\r\rtail\r";
  for (const auto cr : {lone_cr::is_text, lone_cr::ends_line}) {
    check_every_split(bytes, {.max_length = 4, .on_lone_cr = cr});
    check_every_split(bytes, {.on_lone_cr = cr});
  }
}

BOOST_AUTO_TEST_CASE(exactly_the_line_that_is_too_long_is_dropped) {
  const line_options options{.max_length = 4};
  BOOST_TEST(read_all("abcd\nabcde\nx\n", options) == (strings{"abcd", "<overrun>", "x"}));
  BOOST_TEST(read_all("abcd\r\nabcde\r\nx\n", options) == (strings{"abcd", "<overrun>", "x"}));
  BOOST_TEST(read_all("abcde", options) == strings{"<overrun>"});
}

BOOST_AUTO_TEST_CASE(an_endless_line_is_reported_once_and_not_kept) {
  reader r({.max_length = 100});
  for (int i = 0; i < 10000; ++i) r.feed("0123456789", false);
  BOOST_TEST(r.seen == strings{"<overrun>"});
  BOOST_TEST(r.most_buffered <= 101U);
  r.feed("\nnext\n", false);
  BOOST_TEST(r.seen == (strings{"<overrun>", "next"}));
}

BOOST_AUTO_TEST_CASE(an_overrun_names_its_limit) {
  line_codec codec({.max_length = 3});
  const auto step = codec.decode("abcdef\n", false);
  BOOST_TEST(step.consumed == 7U);
  BOOST_TEST(!step.frame.has_value());
  BOOST_REQUIRE(step.error);
  BOOST_CHECK_EXCEPTION(std::rethrow_exception(step.error), buskin::limit_overrun,
                        [](const buskin::limit_overrun& e) { return e.limit() == 3; });
}

BOOST_AUTO_TEST_CASE(what_is_encoded_is_decoded) {
  using buskin::io::line_ending;
  for (const auto ending : {line_ending::lf, line_ending::crlf, line_ending::cr}) {
    const line_options options{.on_lone_cr = lone_cr::ends_line, .ending = ending};
    const line_codec codec(options);
    std::string bytes;
    for (const char* line : {"one", "", "three"}) codec.encode(line, bytes);
    BOOST_TEST(read_all(bytes, options) == (strings{"one", "", "three"}));
  }
}

BOOST_AUTO_TEST_CASE(a_line_with_a_line_end_inside_is_not_sent) {
  std::string bytes = "kept";
  BOOST_CHECK_THROW(line_codec().encode("a\nb", bytes), std::invalid_argument);
  const line_codec codec({.on_lone_cr = lone_cr::ends_line});
  BOOST_CHECK_THROW(codec.encode("a\rb", bytes), std::invalid_argument);
  BOOST_TEST(bytes == "kept");
}

BOOST_AUTO_TEST_CASE(random_bytes_give_the_same_lines_in_random_splits) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    std::string bytes;
    for (int i = 0; i < 2000; ++i) bytes += "ab\n\r"[below(4)];
    const line_options options{.max_length = below(6),
                               .on_lone_cr = below(2) == 0 ? lone_cr::is_text : lone_cr::ends_line};
    reader r(options);
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = 1 + below(9);
      r.feed(std::string_view(bytes).substr(at, size), false);
      at += size;
    }
    r.feed("", true);
    BOOST_TEST_CONTEXT("seed " << seed) { BOOST_TEST(r.seen == read_all(bytes, options)); }
  }
}

BOOST_AUTO_TEST_SUITE_END()
