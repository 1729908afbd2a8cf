// Codecs on a stream: the same frames come out however the bytes arrive.
#include <buskin/io/framed.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/io/line_codec.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/nmea0183_codec.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using io::framed;
using io::line_codec;
using io::memory_stream;
using io::nmea0183_codec;
using strings = std::vector<std::string>;

/// Sends `bytes` cut at each of `cuts`, and lets the reader look in between.
task<void> send_pieces(io::stream to, std::string bytes, std::vector<std::size_t> cuts) {
  std::size_t from = 0;
  cuts.push_back(bytes.size());
  for (const auto cut : cuts) {
    co_await to.write(bytes.substr(from, cut - from));
    from = cut;
    co_await yield();
    co_await yield();
  }
  to.write_eof();
}

task<strings> read_lines(io::stream from, io::line_options options) {
  framed<line_codec> lines(from, line_codec(options));
  strings all;
  for (;;) {
    bool overrun = false;
    try {
      auto line = co_await lines.next();
      if (!line) co_return all;
      all.push_back(*line);
    } catch (const limit_overrun&) {
      overrun = true;
    }
    if (overrun) all.push_back("<overrun>");
  }
}

task<strings> read_sentences(io::stream from) {
  framed<nmea0183_codec> sentences(from);
  strings all;
  while (auto sentence = co_await sentences.next())
    all.push_back(std::string(to_string(sentence->status)) + ": " + sentence->text);
  co_return all;
}

template <class Read>
void check_every_split(const std::string& bytes, const strings& expected, Read read) {
  live_stage s;
  auto main = [&]() -> task<void> {
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
      for (std::size_t second = cut; second <= bytes.size(); ++second) {
        auto [a, b] = memory_stream();
        auto reader = spawn(read(b));
        co_await send_pieces(a, bytes, {cut, second});
        const auto got = co_await reader;
        BOOST_TEST_CONTEXT("cut at " << cut << " and " << second)
        BOOST_REQUIRE_EQUAL_COLLECTIONS(got.begin(), got.end(), expected.begin(), expected.end());
      }
    // And byte by byte.
    std::vector<std::size_t> cuts;
    for (std::size_t i = 1; i < bytes.size(); ++i) cuts.push_back(i);
    auto [a, b] = memory_stream();
    auto reader = spawn(read(b));
    co_await send_pieces(a, bytes, cuts);
    BOOST_TEST(co_await reader == expected, boost::test_tools::per_element());
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE(framed_)

BOOST_AUTO_TEST_CASE(lines_come_out_the_same_in_every_split) {
  check_every_split("one\ntwo\r\n\nthis line is too long\nfour\nlast",
                    {"one", "two", "", "<overrun>", "four", "last"},
                    [](io::stream from) { return read_lines(from, {.max_length = 10}); });
}

BOOST_AUTO_TEST_CASE(sentences_come_out_the_same_in_every_split) {
  check_every_split("$GPGLL,1*4D\r\nxx$GPGLL,1*00\r\n$GPG$GPGLL,2*4E!AIVDM,1",
                    {"valid: $GPGLL,1*4D", "garbage: xx", "bad checksum: $GPGLL,1*00",
                     "truncated: $GPG", "valid: $GPGLL,2*4E", "truncated: !AIVDM,1"},
                    read_sentences);
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_and_a_frame_that_cannot_be_expressed_is_refused) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream();
    framed<line_codec> here(a);
    framed<line_codec> there(b);
    for (const std::string text : {"", "hello", "with \t tab"}) {
      co_await here.write(text);
      const auto got = co_await there.next();
      BOOST_TEST(got.value() == text);
    }
    BOOST_CHECK_THROW(co_await here.write("two\nlines"), std::invalid_argument);
    co_await here.write("end");
    a.close();
    BOOST_TEST((co_await there.next()).value() == "end");
    BOOST_TEST(!(co_await there.next()).has_value());
    BOOST_TEST(!(co_await there.next()).has_value());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(frames_that_came_together_are_had_without_waiting) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream();
    framed<line_codec> lines(b);
    BOOST_TEST(!lines.next_buffered().has_value());
    co_await a.write("1\n2\n3");
    BOOST_TEST((co_await lines.next()).value() == "1");
    BOOST_TEST(lines.next_buffered().value() == "2");
    BOOST_TEST(!lines.next_buffered().has_value());
    lines.end();  // nothing more will come: what there is, is a line
    BOOST_TEST(lines.next_buffered().value() == "3");
    BOOST_TEST(!lines.next_buffered().has_value());
  };
  s.run(main());
}

task<void> next_into(framed<line_codec>& lines, strings& into) {
  while (auto line = co_await lines.next()) into.push_back(*line);
}

BOOST_AUTO_TEST_CASE(a_cancelled_next_loses_nothing) {
  live_stage s;
  auto main = [&]() -> task<void> {
    for (int moment = 0; moment != 8; ++moment) {
      auto [a, b] = memory_stream();
      framed<line_codec> lines(b);
      strings got;
      auto reader = spawn(next_into(lines, got));
      co_await a.write("one\ntw");
      for (int i = 0; i != moment; ++i) co_await yield();
      reader.cancel();
      BOOST_CHECK_THROW(co_await reader, cancelled);
      co_await a.write("o\nthree\n");
      a.close();
      co_await next_into(lines, got);
      BOOST_TEST(got == (strings{"one", "two", "three"}), boost::test_tools::per_element());
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_broken_stream_throws_and_what_was_buffered_can_still_be_had) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream();
    framed<line_codec> lines(b);
    co_await a.write("one\nhalf a li");
    BOOST_TEST((co_await lines.next()).value() == "one");
    b.abort();
    BOOST_CHECK_THROW(co_await lines.next(), std::system_error);
    lines.end();
    BOOST_TEST(lines.next_buffered().value() == "half a li");
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
