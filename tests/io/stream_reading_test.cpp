// Lines, separators, limits, the end and errors of what is read.
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/stream_pair.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::make_pair;
using buskin::test::transport;
using buskin::test::until;

const auto both = boost::unit_test::data::make({transport::memory, transport::tcp});

auto code(std::errc wanted) {
  return [wanted](const std::system_error& error) { return error.code() == wanted; };
}

task<std::string> read_any(io::stream from) { co_return co_await from.read(); }
task<std::string> read_line(io::stream from) { co_return co_await from.read_line(); }
task<std::string> read_exactly(io::stream from, std::size_t size) {
  co_return co_await from.read_exactly(size);
}
task<std::string> until_any(io::stream from, std::vector<std::string> ends) {
  co_return co_await from.read_until(ends);
}
task<void> write(io::stream to, std::string bytes) { co_await to.write(bytes); }

task<void> turns(int count) {
  while (count-- != 0) co_await yield();
}

/// The peer is gone without a word: what it sent last was read already.
void reset(const io::stream& which) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  BOOST_REQUIRE(::setsockopt(which.descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) ==
                0);
  which.abort();
}

BOOST_AUTO_TEST_SUITE(stream_reading)

BOOST_DATA_TEST_CASE(lines_come_with_their_end_and_the_last_one_as_it_is, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    co_await a.write("one\n\nthree");
    BOOST_TEST(co_await b.read_line() == "one\n");
    BOOST_TEST(co_await b.read_line() == "\n");
    auto last = spawn(read_line(b));
    co_await turns(5);
    BOOST_TEST(!last.done());
    a.close();
    BOOST_TEST(co_await last == "three");
    BOOST_TEST(co_await b.read_line() == "");
    BOOST_TEST(co_await b.read_line() == "");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(of_several_separators_the_match_that_ends_first_wins) {  // covers STR-029
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream();
    co_await a.write("abcde|abcde|abcde|abc\r\nabc\nabc");
    BOOST_TEST(co_await b.read_until({"e", "bcd"}) == "abcd");  // the longer one
    BOOST_TEST(co_await b.read_until({"cde|", "|"}) == "e|");
    BOOST_TEST(co_await b.read_until({"bcde", "c"}) == "abc");  // the shorter one
    BOOST_TEST(co_await b.read_until({"|", "x"}) == "de|");
    BOOST_TEST(co_await b.read_until({"x", "|"}) == "abcde|");  // in whatever order
    BOOST_TEST(co_await b.read_until({"\n", "\r\n"}) == "abc\r\n");
    BOOST_TEST(co_await b.read_until({"\n", "\r\n"}) == "abc\n");
    // Of two that end at one place the longer one is it, which the limit shows.
    BOOST_TEST(co_await b.read_until({"c", "bc"}, 1) == "abc");
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(separators_of_different_lengths_are_found_however_they_are_cut, both,
                     how) {  // covers STR-031
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    const std::vector<std::string> ends{"<<->>", "!", "\r\n"};
    for (const std::string record : {"<-<<->!", "\r<<->>", "<<-\r\r\n", "!"}) {
      const std::string text = record + "rest";
      for (std::size_t cut = 1; cut != text.size(); ++cut) {
        auto got = spawn(until_any(b, ends));
        co_await turns(2);
        co_await a.write(text.substr(0, cut));
        co_await turns(3);
        co_await a.write(text.substr(cut));
        BOOST_TEST(co_await got == record);
        BOOST_TEST(co_await b.read_exactly(4) == "rest");
      }
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_separator_may_be_in_whatever_holds_bytes) {  // covers STR-032
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream();
    co_await a.write(
        std::string("1\0\xff"
                    "2\0\xff"
                    "3\0\xff"
                    "4;5;6;",
                    15));
    const std::array<std::byte, 2> in_bytes{std::byte{0}, std::byte{0xff}};
    BOOST_TEST(co_await b.read_until(in_bytes) == std::string("1\0\xff", 3));
    const std::vector<unsigned char> in_a_vector{0, 0xff};
    BOOST_TEST(co_await b.read_until(in_a_vector) == std::string("2\0\xff", 3));
    BOOST_TEST(co_await b.read_until(std::string("\0\xff", 2)) == std::string("3\0\xff", 3));
    BOOST_TEST(co_await b.read_until(std::string_view(";")) == "4;");
    const std::vector<std::string> several{"#", ";"};
    BOOST_TEST(co_await b.read_until(several) == "5;");
    BOOST_CHECK_THROW(co_await b.read_until({"", ";"}), std::invalid_argument);
    BOOST_CHECK_THROW(co_await b.read_until(std::vector<std::string>()), std::invalid_argument);
    BOOST_CHECK_THROW(co_await b.read_until(std::vector<char>()), std::invalid_argument);
    BOOST_TEST(co_await b.read_until(";") == "6;");
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(after_an_overrun_nothing_is_lost_and_reading_goes_on, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    co_await a.write("a long line\nshort\n");
    std::size_t skip = 0;
    try {
      co_await b.read_line(6);
      BOOST_ERROR("a line over the limit was taken");
    } catch (const limit_overrun& error) {
      BOOST_TEST(error.limit() == 6U);
      skip = error.consumed();
    }
    BOOST_TEST(skip == 11U);
    BOOST_TEST(co_await b.read_line(11) == "a long line\n");
    BOOST_TEST(co_await b.read_line(6) == "short\n");
    // A separator that has begun does not count yet: it may be one.
    co_await a.write("12345\r");
    auto line = spawn([](io::stream from) -> task<std::string> {
      co_return co_await from.read_until("\r\n", 5);
    }(b));
    co_await turns(5);
    BOOST_TEST(!line.done());
    co_await a.write("\n12345\rx\r\n");
    BOOST_TEST(co_await line == "12345\r\n");
    BOOST_CHECK_EXCEPTION(co_await b.read_until("\r\n", 5), limit_overrun,
                          [](const auto& error) { return error.consumed() == 7; });
    BOOST_TEST(co_await b.read_exactly(7) == "12345\rx");
    BOOST_TEST(co_await b.read_until("\r\n", 5) == "\r\n");
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(all_is_read_up_to_the_end_or_to_a_limit, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    const std::string much(300'000, 'm');
    auto writer = spawn(write(a, "line\n" + much));
    BOOST_TEST(co_await b.read_line() == "line\n");
    BOOST_CHECK_EXCEPTION(co_await b.read_all(100'000), limit_overrun, [](const auto& error) {
      return error.limit() == 100'000 && error.consumed() > 100'000;
    });
    auto all = spawn(
        [](io::stream from) -> task<std::string> { co_return co_await from.read_all(300'000); }(b));
    co_await writer;
    co_await turns(5);
    BOOST_TEST(!all.done());
    a.close();
    BOOST_TEST((co_await all == much));
    BOOST_TEST(co_await b.read_all() == "");
    BOOST_TEST(co_await b.read_all(0) == "");
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(the_end_is_there_when_it_was_told_and_nothing_is_buffered, both,
                     how) {  // covers STR-016, STR-004
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    BOOST_TEST(!b.at_eof());
    co_await a.write("");  // no bytes are no end
    auto reader = spawn(read_exactly(b, 3));
    co_await turns(5);
    BOOST_TEST(!reader.done());
    BOOST_TEST(!b.at_eof());
    co_await a.write("abcdef\n");
    BOOST_TEST(co_await reader == "abc");
    BOOST_TEST(!b.at_eof());
    a.close();
    BOOST_CHECK_THROW(co_await b.read_until("#", 2), limit_overrun);
    BOOST_CHECK_THROW(co_await b.read_all(3), limit_overrun);
    BOOST_TEST(co_await b.read(3) == "def");
    BOOST_TEST(!b.at_eof());
    BOOST_TEST(co_await b.read() == "\n");
    BOOST_TEST(co_await b.read() == "");
    BOOST_TEST(b.at_eof());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_limit_that_was_met_does_not_stop_the_source) {  // covers AIO-005
  live_stage s;
  auto main = [&]() -> task<void> {
    for (int kind = 0; kind != 4; ++kind) {
      auto [a, b] = io::memory_stream(16);
      auto writer = spawn(write(a, std::string(100, 'x') + "\n"));
      BOOST_CHECK_THROW(co_await b.read_line(20), limit_overrun);
      co_await turns(5);
      a.close();  // while the source is held back
      std::string got;
      std::array<char, 30> some{};
      switch (kind) {
        case 0:
          got = co_await b.read(30);
          break;
        case 1:
          got = co_await b.read_exactly(30);
          break;
        case 2:
          got.assign(some.data(), co_await b.read_some(some));
          break;
        case 3:
          got = co_await b.read_until("xx");
          break;
      }
      got += co_await b.read_all();
      BOOST_TEST(got == std::string(100, 'x') + "\n");
      BOOST_TEST(b.at_eof());
      co_await writer;
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_comes_because_there_is_room_again_is_for_the_next_read) {
  live_stage s;  // covers AIO-007
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream(4);
    co_await a.write("abcdefgh");  // half of it finds no room
    BOOST_TEST(a.unsent() == 4U);
    BOOST_TEST(co_await b.read() == "abcd");
    BOOST_TEST(co_await b.read() == "efgh");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_error_is_for_every_read_from_then_on_also_before_what_is_buffered) {
  live_stage s;  // covers STR-011, STR-023, STR-037
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(transport::tcp);
    BOOST_TEST(!b.error());
    co_await a.write("line\nabc");
    BOOST_TEST(co_await b.read_line() == "line\n");
    auto reader = spawn(read_exactly(b, 10));
    co_await turns(5);
    reset(a);
    BOOST_CHECK_EXCEPTION(co_await reader, std::system_error, code(std::errc::connection_reset));
    BOOST_TEST((b.error() == std::errc::connection_reset));
    BOOST_TEST(!b.at_eof());
    BOOST_CHECK_EXCEPTION(co_await b.read(), std::system_error, code(std::errc::connection_reset));
    BOOST_CHECK_EXCEPTION(co_await b.read_line(), std::system_error,
                          code(std::errc::connection_reset));
    BOOST_CHECK_EXCEPTION(co_await b.read_all(), std::system_error,
                          code(std::errc::connection_reset));
    BOOST_TEST(b.buffered() == "abc");
    BOOST_TEST(io::to_string(b).find("3 bytes buffered") != std::string::npos);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_error_that_comes_after_a_cancelled_read_waits_for_the_next) {
  live_stage s;  // covers STR-039
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(transport::tcp);
    auto reader = spawn(read_any(b));
    co_await turns(5);
    reader.cancel();
    BOOST_CHECK_THROW(co_await reader, cancelled);
    reset(a);
    co_await sleep(5ms);
    BOOST_TEST(io::to_string(b).find("a task reads") == std::string::npos);
    BOOST_CHECK_EXCEPTION(co_await b.read(), std::system_error, code(std::errc::connection_reset));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_stream_belongs_to_the_runtime_of_the_task_that_makes_it) {
  auto use = []() -> task<void> {  // covers STR-044
    auto [a, b] = io::memory_stream();
    auto reader = spawn(read_line(b));
    co_await a.write("mine\n");
    BOOST_TEST(co_await reader == "mine\n");
  };
  live_stage one;
  live_stage other(runtime_options{.workers = 2});
  one.run(use());
  other.run(use());
}

BOOST_AUTO_TEST_CASE(what_it_prints_tells_how_it_stands) {  // covers STR-047
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream(10);
    BOOST_TEST(io::to_string(io::stream()) == "a stream that refers to nothing");
    BOOST_TEST(io::to_string(a) == "a memory stream");
    auto reader = spawn(read_line(b));
    co_await turns(5);
    BOOST_TEST(io::to_string(b) == "a memory stream: a task reads");
    co_await a.write("1\n234");
    co_await reader;
    BOOST_TEST(io::to_string(b) == "a memory stream: 3 bytes buffered");
    a.set_water_marks(1, 2);
    a.write_nowait("56789abcdefgh");
    BOOST_TEST(io::to_string(a) == "a memory stream: 3 bytes unsent, writing waits");
    a.write_eof();
    a.close();
    BOOST_TEST(io::to_string(a) ==
               "a memory stream: 3 bytes unsent, writing waits, writing ended, closing");
    BOOST_TEST(co_await b.read_all() == "23456789abcdefgh");
    BOOST_TEST(io::to_string(b) == "a memory stream: read to the end");
    BOOST_TEST(io::to_string(a) == "a memory stream: writing ended, closed");
    b.abort(std::make_error_code(std::errc::io_error));
    BOOST_TEST(io::to_string(b) == "a memory stream: read to the end, closed, " +
                                       std::make_error_code(std::errc::io_error).message());
  };
  s.run(main());
}

template <class T>
T through_caf(caf::actor_system& system, T error) {
  std::vector<char> bytes;
  caf::binary_serializer sink(system, bytes);
  BOOST_REQUIRE(!sink(error));
  T copy;
  caf::binary_deserializer source(system, bytes);
  BOOST_REQUIRE(!source(copy));
  return copy;
}

BOOST_AUTO_TEST_CASE(the_errors_of_reading_survive_copies_and_serialisation) {
  live_stage s;  // covers STR-048
  const incomplete_read cut(std::string("par\0tial", 8), 20);
  const limit_overrun over("too long", 5, 7);
  for (const auto& got : {incomplete_read(cut), through_caf(s.runtime.system(), cut)}) {
    BOOST_TEST(got.partial() == cut.partial());
    BOOST_TEST(got.expected() == 20U);
    BOOST_TEST(std::string(got.what()) == "the stream ended after 8 of 20 bytes");
  }
  for (const auto& got : {limit_overrun(over), through_caf(s.runtime.system(), over)}) {
    BOOST_TEST(got.limit() == 5U);
    BOOST_TEST(got.consumed() == 7U);
    BOOST_TEST(std::string(got.what()) == "too long");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
