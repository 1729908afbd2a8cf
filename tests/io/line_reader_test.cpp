// The lines of a file.
#include <buskin/io/line_reader.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/io/file.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::scratch;
using buskin::test::until;
using io::file;
using io::line_reader_options;
using io::unfinished_line;

using lines = std::vector<std::string>;

task<lines> lines_of(file f, line_reader_options options) {
  auto reader = f.lines(options);
  lines got;
  while (const auto line = co_await reader.next()) got.emplace_back(*line);
  co_return got;
}

BOOST_AUTO_TEST_SUITE(line_reader_)

BOOST_AUTO_TEST_CASE(lines_come_without_their_endings_and_the_last_needs_none) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    const std::pair<const char*, lines> cases[] = {
        {"", {}},
        {"\n", {""}},
        {"a", {"a"}},
        {"a\n", {"a"}},
        {"a\r\nb\r\n", {"a", "b"}},
        {"a\n\n\nb", {"a", "", "", "b"}},
        {"a\rb\nc\r", {"a\rb", "c"}},
        {"\r\n\r\n", {"", ""}},
    };
    for (const auto& [text, expected] : cases)
      for (const std::size_t piece : {1U, 2U, 3U, 100U}) {
        auto f = co_await file::open(folder.with("a", text));
        const auto got = co_await lines_of(f, {.piece = piece});
        BOOST_TEST(got == expected, boost::test_tools::per_element());
      }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(whatever_the_pieces_are_the_lines_are_those_of_getline) {
  live_stage s;
  const scratch folder;
  std::mt19937_64 random(1);
  std::string text;
  for (int i = 0; i != 3000; ++i) {
    text.append(std::uniform_int_distribution<std::size_t>(0, i % 100 == 0 ? 5000 : 90)(random),
                static_cast<char>('a' + i % 26));
    text += '\n';
  }
  lines expected;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) expected.push_back(line);
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder.with("a", text));
    for (const std::size_t piece : {7U, 64U, 1000U, 4096U, 262'144U}) {
      co_await f.seek(0);
      BOOST_TEST(((co_await lines_of(f, {.piece = piece})) == expected));
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_line_that_is_too_long_is_an_error_and_the_next_one_survives) {
  live_stage s;
  const scratch folder;
  const std::string text = "12345\n123456\r\n1234567890123\nab\n" + std::string(70, 'x');
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder.with("a", text));
    for (const std::size_t piece : {1U, 4U, 7U, 1000U}) {
      co_await f.seek(0);
      auto reader = f.lines({.max_length = 5, .piece = piece});
      lines got;
      for (;;) {
        try {
          const auto line = co_await reader.next();
          if (!line) break;
          got.emplace_back(*line);
        } catch (const limit_overrun& error) {
          BOOST_TEST(error.limit() == 5U);
          got.emplace_back("!");
        }
      }
      const lines expected = {"12345", "!", "!", "ab", "!"};
      BOOST_TEST(got == expected, boost::test_tools::per_element());
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(they_begin_at_the_files_position_and_say_where_they_are) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder.with("a", "one\ntwo\nthree\nfour"));
    co_await f.seek(4);
    auto reader = f.lines({.piece = 5});
    BOOST_TEST(*co_await reader.next() == "two");
    BOOST_TEST(reader.position() == 8U);
    BOOST_TEST(*co_await reader.next() == "three");
    BOOST_TEST(reader.position() == 14U);
    BOOST_TEST(co_await f.tell() == 4U);
    // Going on without it.
    co_await f.seek(static_cast<std::int64_t>(reader.position()));
    BOOST_TEST(co_await f.read_all() == "four");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_file_that_grows_has_more_lines_and_an_unfinished_one_can_wait) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto log = co_await file::open(folder / "log", "a");
    auto f = co_await file::open(folder / "log");
    auto reader = f.lines({.piece = 4, .unfinished = unfinished_line::keep});
    BOOST_TEST(!(co_await reader.next()));
    co_await log.write("one\ntw");
    BOOST_TEST(*co_await reader.next() == "one");
    BOOST_TEST(!(co_await reader.next()));
    BOOST_TEST(!(co_await reader.next()));
    BOOST_TEST(reader.position() == 4U);
    co_await log.write("o\nthree\n");
    BOOST_TEST(*co_await reader.next() == "two");
    BOOST_TEST(*co_await reader.next() == "three");
    BOOST_TEST(!(co_await reader.next()));
    // Cut off by somebody: no more of it.
    co_await log.truncate(0);
    BOOST_TEST(!(co_await reader.next()));
  };
  s.run(main());
}

task<void> next_into(io::line_reader& reader, lines& into) {
  if (const auto line = co_await reader.next()) into.emplace_back(*line);
  co_await sleep(1h);
}

BOOST_AUTO_TEST_CASE(a_wait_that_is_cancelled_loses_no_line) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder.fifo("pipe"));
    auto reader = f.lines();
    lines got;
    for (int i = 0; i != 3; ++i) {
      auto reading = spawn(next_into(reader, got));
      co_await yield();
      reading.cancel();
      BOOST_CHECK_THROW(co_await reading, cancelled);
    }
    auto other = co_await file::open(folder / "pipe", "w");
    co_await other.write("one\ntwo\nth");
    for (int i = 0; i != 2; ++i) {
      auto reading = spawn(next_into(reader, got));
      co_await until([&] { return got.size() == static_cast<std::size_t>(i) + 1; }, "a line");
      reading.cancel();
      BOOST_CHECK_THROW(co_await reading, cancelled);
    }
    auto reading = spawn(next_into(reader, got));
    co_await yield();
    BOOST_CHECK_THROW(co_await reader.next(), invalid_state);
    reading.cancel();
    BOOST_CHECK_THROW(co_await reading, cancelled);
    co_await other.write("ree");
    co_await other.close();
    BOOST_TEST(*co_await reader.next() == "three");
    BOOST_TEST(!(co_await reader.next()));
    const lines expected = {"one", "two"};
    BOOST_TEST(got == expected, boost::test_tools::per_element());
  };
  s.run(main());
}

task<void> count_turns(int& turns) {
  for (;; ++turns) co_await yield();
}

BOOST_AUTO_TEST_CASE(others_have_turns_while_a_long_file_is_read) {
  live_stage s;
  const scratch folder;
  std::string text;
  for (int i = 0; i != 200'000; ++i) text += "a line of some length\n";
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder.with("a", text));
    int turns = 0;
    auto counting = spawn(count_turns(turns));
    auto reader = f.lines();
    int count = 0;
    while (co_await reader.next()) ++count;
    BOOST_TEST(count == 200'000);
    BOOST_TEST(turns >= 16);
    counting.cancel();
    BOOST_CHECK_THROW(co_await counting, cancelled);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_error_names_the_file_and_a_dropped_reader_leaves_nothing_behind) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto memory = co_await file::open("/proc/self/mem");
    auto reader = memory.lines();
    BOOST_CHECK_EXCEPTION(co_await reader.next(), std::system_error, [](const auto& error) {
      return error.code() == std::errc::io_error && test::mentions(error, "/proc/self/mem");
    });
    auto zeros = co_await file::open("/dev/zero");
    auto endless = zeros.lines({.max_length = 10});
    BOOST_CHECK_THROW(co_await endless.next(), limit_overrun);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
