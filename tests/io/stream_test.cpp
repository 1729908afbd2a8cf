// Reading, writing and ending a stream, in memory and over TCP.
#include <buskin/io/stream.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/stream_pair.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
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

enum class read_kind { exactly, line, any };

/// What the read gives is in `result` even when the task ends cancelled after it. Then it waits for
/// its cancellation.
task<void> read_into(io::stream from, read_kind kind, std::size_t size, std::string& result) {
  switch (kind) {
    case read_kind::exactly:
      result = co_await from.read_exactly(size);
      break;
    case read_kind::line:
      result = co_await from.read_until("\n");
      break;
    case read_kind::any:
      result = co_await from.read();
      break;
  }
  co_await sleep(1h);
}

task<std::string> read_exactly(io::stream from, std::size_t size) {
  co_return co_await from.read_exactly(size);
}
task<std::string> read_line(io::stream from) { co_return co_await from.read_until("\n"); }
task<std::string> read_any(io::stream from) { co_return co_await from.read(); }

/// Everything up to the end of the stream.
task<std::string> read_all(io::stream from) {
  std::string all;
  for (;;) {
    const std::string more = co_await from.read();
    if (more.empty()) co_return all;
    all += more;
  }
}

task<void> write_blocks(io::stream to, char content, std::size_t blocks, std::size_t size,
                        std::size_t* written) {
  for (std::size_t i = 0; i != blocks; ++i) {
    co_await to.write(std::string(size, content));
    if (written != nullptr) ++*written;
  }
}

task<void> turns(int count) {
  while (count-- != 0) co_await yield();
}

BOOST_AUTO_TEST_SUITE(stream_)

// -- reading ----------------------------------------------------------------------------------

BOOST_DATA_TEST_CASE(read_takes_what_is_there_up_to_its_limit_and_leaves_the_rest, both,
                     how) {  // covers STR-007 STR-008 STR-005
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    co_await a.write("abcde");
    BOOST_TEST(co_await b.read(2) == "ab");
    BOOST_TEST(co_await b.read(1) == "c");
    BOOST_TEST(co_await b.read() == "de");
    std::array<char, 4> target{};
    co_await a.write("123456");
    BOOST_TEST(co_await b.read_some(target) == 4U);
    BOOST_TEST(std::string(target.data(), 4) == "1234");
    BOOST_TEST(co_await b.read_some(target) == 2U);
    BOOST_TEST(std::string(target.data(), 2) == "56");
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(a_read_of_nothing_does_not_wait, both, how) {  // covers STR-033
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    BOOST_TEST(co_await b.read(0) == "");
    BOOST_TEST(co_await b.read_exactly(0) == "");
    BOOST_TEST(co_await b.read_some({}) == 0U);
    co_await a.write("");
    co_await a.write("x");
    BOOST_TEST(co_await b.read_exactly(0) == "");
    BOOST_TEST(co_await b.read() == "x");  // writing nothing was nothing
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_stream_that_never_runs_dry_leaves_others_their_turns) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(transport::tcp);
    constexpr std::size_t size = 100'000;
    co_await a.write(std::string(size, 'x'));
    co_await sleep(20ms);  // all of it lies in the socket by now, so that no read has to wait
    std::size_t turns_of_others = 0;
    auto other = [&]() -> task<void> {
      for (;;) {
        ++turns_of_others;
        co_await yield();
      }
    };
    auto neighbour = spawn(other());
    std::array<char, 10> target{};
    for (std::size_t got = 0; got != size;) got += co_await b.read_some(target);
    BOOST_TEST(turns_of_others > 3U);
    // The same for who writes what the system always takes.
    turns_of_others = 0;
    auto take = spawn(read_exactly(b, size));
    for (std::size_t i = 0; i != size / 10; ++i) co_await a.write("0123456789");
    co_await take;
    BOOST_TEST(turns_of_others > 3U);
    neighbour.cancel();
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(read_exactly_waits_for_all_and_leaves_the_rest, both, how) {  // covers STR-034
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    auto reader = spawn(read_exactly(b, 6));
    for (const char* piece : {"ab", "cd", "efgh"}) {
      co_await turns(5);
      BOOST_TEST(!reader.done());
      co_await a.write(piece);
    }
    BOOST_TEST(co_await reader == "abcdef");
    BOOST_TEST(co_await b.read() == "gh");
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(an_exact_read_that_the_end_cuts_off_says_what_there_was, both,
                     how) {  // covers STR-035
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    co_await a.write("abc");
    a.close();
    BOOST_CHECK_EXCEPTION(co_await b.read_exactly(10), incomplete_read, [](const auto& error) {
      return error.partial() == "abc" && error.expected() == 10;
    });
    BOOST_TEST(co_await b.read() == "");
    BOOST_CHECK_EXCEPTION(co_await b.read_exactly(1), incomplete_read,
                          [](const auto& error) { return error.partial().empty(); });
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(read_until_gives_up_to_and_with_the_separator, both,
                     how) {  // covers STR-025 STR-022
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    co_await a.write("one\ntwo\nthree");
    BOOST_TEST(co_await b.read_until("\n") == "one\n");
    BOOST_TEST(co_await b.read(2) == "tw");
    BOOST_TEST(co_await b.read_until("\n") == "o\n");
    a.write_eof();
    BOOST_CHECK_EXCEPTION(co_await b.read_until("\n"), incomplete_read,
                          [](const auto& error) { return error.partial() == "three"; });
    BOOST_TEST(co_await b.read() == "");
  };
  s.run(main());
}

// Part of T8.
BOOST_DATA_TEST_CASE(a_separator_is_found_however_it_is_cut_also_after_a_false_start, both,
                     how) {  // covers STR-026
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    const std::string text = "aab<<->-<<->>rest";
    for (std::size_t cut = 1; cut != text.size(); ++cut)
      for (std::size_t second = cut; second != text.size(); ++second) {
        auto whole = text;
        auto reader = [](io::stream from) -> task<std::string> {
          co_return co_await from.read_until("<<->>");
        };
        auto got = spawn(reader(b));
        co_await a.write(whole.substr(0, cut));
        co_await turns(3);
        co_await a.write(whole.substr(cut, second - cut));
        co_await turns(3);
        co_await a.write(whole.substr(second));
        BOOST_TEST(co_await got == "aab<<->-<<->>");
        BOOST_TEST(co_await b.read_exactly(4) == "rest");
      }
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(an_overrun_consumes_nothing_and_the_limit_is_exact, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    co_await a.write("12345\n123456\n");
    BOOST_TEST(co_await b.read_until("\n", 5) == "12345\n");
    BOOST_CHECK_EXCEPTION(co_await b.read_until("\n", 5), limit_overrun,
                          [](const auto& error) { return error.limit() == 5; });
    BOOST_TEST(co_await b.read_until("\n", 6) == "123456\n");
    co_await a.write("no end in sight");
    BOOST_CHECK_THROW(co_await b.read_until("\n", 4), limit_overrun);
    BOOST_TEST(co_await b.read() == "no end in sight");
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(the_limit_of_lines_does_not_bind_exact_reads, both, how) {  // covers STR-013
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    const std::size_t size = 3 * io::stream::default_limit + 7;
    auto writer = spawn(write_blocks(a, 'x', 1, size, nullptr));
    BOOST_TEST((co_await b.read_exactly(size) == std::string(size, 'x')));
    co_await writer;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_empty_separator_is_refused) {  // covers STR-024
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream();
    BOOST_CHECK_THROW(co_await a.read_until(""), std::invalid_argument);
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(a_cancelled_read_loses_no_byte_at_whatever_moment, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    const std::string text = "0123456789\n";
    for (int moment = 0; moment != 12; ++moment)
      for (const auto kind : {read_kind::exactly, read_kind::line, read_kind::any}) {
        std::string got;
        auto reader = spawn(read_into(b, kind, text.size(), got));
        if (moment % 2 == 0) co_await turns(2);  // it waits already, or it does not yet
        co_await a.write(text.substr(0, 5));
        co_await turns(moment);
        reader.cancel();
        BOOST_CHECK_THROW(co_await reader, cancelled);
        co_await a.write(text.substr(5));
        BOOST_TEST(got + co_await b.read_exactly(text.size() - got.size()) == text);
      }
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(a_second_reader_is_refused_and_the_first_is_not_disturbed, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    auto first = spawn(read_line(b));
    co_await turns(3);
    BOOST_CHECK_EXCEPTION(co_await b.read(), invalid_state, [](const auto& error) {
      return std::string(error.what()).find("two tasks read") != std::string::npos;
    });
    co_await a.write("hello\n");
    BOOST_TEST(co_await first == "hello\n");
    co_await a.write("again\n");
    BOOST_TEST(co_await b.read_until("\n") == "again\n");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_handle_to_nothing_says_so) {
  live_stage s;
  auto main = [&]() -> task<void> {
    io::stream nothing;
    BOOST_TEST(!nothing);
    BOOST_TEST(nothing.closed());
    BOOST_CHECK_THROW(co_await nothing.read(), invalid_state);
    BOOST_CHECK_THROW(co_await nothing.write("x"), invalid_state);
  };
  s.run(main());
}

// -- writing ----------------------------------------------------------------------------------

BOOST_DATA_TEST_CASE(a_write_waits_while_too_much_is_unsent_and_goes_on_when_the_peer_reads, both,
                     how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    constexpr std::size_t block = 48 * 1024;
    constexpr std::size_t blocks = 400;  // more than all buffers of a loopback connection
    std::size_t written = 0;
    auto writer = spawn(write_blocks(a, 'w', blocks, block, &written));
    co_await until([a = a] { return a.unsent() > 64 * 1024; }, "the writer to run into the mark");
    co_await turns(20);
    BOOST_TEST(!writer.done());
    const auto before = written;
    BOOST_TEST(a.unsent() <=
               64 * 1024 + block);  // it waits after the write that went over the mark
    std::size_t got = 0;
    while (got != blocks * block) {
      const auto bytes = co_await b.read();
      BOOST_REQUIRE(bytes.find_first_not_of('w') == std::string::npos);
      got += bytes.size();
    }
    co_await writer;
    BOOST_TEST(before < blocks);
    co_await a.drain();
    BOOST_TEST(a.unsent() == 0U);
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(the_mark_can_be_moved, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    a.set_high_water(0);
    auto writer = spawn(write_blocks(a, 'x', 1, 32 * 1024 * 1024, nullptr));
    co_await until([a = a] { return a.unsent() != 0; }, "bytes that cannot be sent");
    BOOST_TEST(!writer.done());
    co_await b.read_exactly(32 * 1024 * 1024);
    co_await writer;
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(the_bytes_of_a_cancelled_write_are_still_sent, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    constexpr std::size_t size = 16 * 1024 * 1024;
    auto writer = spawn(write_blocks(a, 'c', 1, size, nullptr));
    co_await until([a = a] { return a.unsent() > 64 * 1024; }, "the writer to wait");
    writer.cancel();
    BOOST_CHECK_THROW(co_await writer, cancelled);
    auto all = spawn(read_all(b));
    a.write_eof();
    BOOST_TEST(((co_await all) == std::string(size, 'c')));
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(ten_writers_wait_and_all_go_on_each_write_whole, both,
                     how) {  // covers STR-045
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    constexpr std::size_t block = 8 * 1024 * 1024;
    std::vector<task_handle<void>> writers;
    for (char name = '0'; name <= '9'; ++name)
      writers.push_back(spawn(write_blocks(a, name, 1, block, nullptr)));
    co_await turns(5);
    std::string order;
    for (int i = 0; i != 10; ++i) {
      const auto bytes = co_await b.read_exactly(block);
      BOOST_REQUIRE(bytes.find_first_not_of(bytes.front()) == std::string::npos);
      order += bytes.front();
    }
    BOOST_TEST(order == "0123456789");
    for (auto& each : writers) co_await each;
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(one_cancelled_writer_among_many_leaves_the_others_in_line, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    constexpr std::size_t block = 8 * 1024 * 1024;
    std::vector<task_handle<void>> writers;
    for (char name = '0'; name <= '4'; ++name)
      writers.push_back(spawn(write_blocks(a, name, 1, block, nullptr)));
    co_await turns(5);
    for (std::size_t i : {0U, 2U, 4U}) writers[i].cancel();
    for (std::size_t i : {0U, 2U, 4U}) BOOST_CHECK_THROW(co_await writers[i], cancelled);
    co_await b.read_exactly(5 * block);
    co_await writers[1];
    co_await writers[3];
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(writing_to_a_peer_that_has_closed_ends_with_an_error, both,
                     how) {  // covers STR-046
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    b.abort();
    bool failed = false;
    for (int i = 0; i != 100'000 && !failed; ++i) {
      try {
        co_await a.write("into the void");
        co_await a.drain();
      } catch (const std::system_error& error) {
        BOOST_TEST(
            (error.code() == std::errc::broken_pipe || error.code() == std::errc::connection_reset),
            error.code().message());
        failed = true;
      }
    }
    BOOST_TEST(failed);
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(a_waiting_writer_learns_that_the_peer_has_gone, both,
                     how) {  // covers TCP-013
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    auto writer = spawn(write_blocks(a, 'x', 1, 16 * 1024 * 1024, nullptr));
    co_await until([a = a] { return a.unsent() > 64 * 1024; }, "the writer to wait");
    b.abort();
    BOOST_CHECK_THROW(co_await writer, std::system_error);
  };
  s.run(main());
}

// -- ending -----------------------------------------------------------------------------------

BOOST_DATA_TEST_CASE(the_end_comes_after_all_bytes_and_stays, both, how) {  // covers STR-009
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    co_await a.write("last words");
    a.close();
    BOOST_TEST(a.closed());
    BOOST_TEST(co_await b.read_exactly(10) == "last words");
    BOOST_TEST(co_await b.read() == "");
    BOOST_TEST(co_await b.read() == "");
    std::array<char, 4> target{};
    BOOST_TEST(co_await b.read_some(target) == 0U);
  };
  s.run(main());
}

// Part of T6.
BOOST_DATA_TEST_CASE(after_write_eof_the_other_direction_goes_on, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    co_await a.write("question");
    a.write_eof();
    a.write_eof();
    BOOST_TEST(co_await read_all(b) == "question");
    co_await b.write("answer");
    b.close();
    BOOST_TEST(co_await read_all(a) == "answer");
    BOOST_CHECK_EXCEPTION(co_await a.write("more"), std::system_error,
                          code(std::errc::not_connected));
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(close_wakes_the_reader_and_ends_writing, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    auto reader = spawn(read_any(b));
    co_await turns(3);
    b.close();
    BOOST_TEST(b.closed());
    BOOST_CHECK_EXCEPTION(co_await reader, std::system_error, code(std::errc::operation_canceled));
    BOOST_CHECK_EXCEPTION(co_await b.read(), std::system_error,
                          code(std::errc::operation_canceled));
    BOOST_CHECK_EXCEPTION(co_await b.write("x"), std::system_error, code(std::errc::not_connected));
    b.close();
    b.abort();
    BOOST_TEST(b.descriptor() == -1);
    BOOST_TEST(co_await a.read() == "");
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(close_sends_what_is_unsent_and_abort_does_not, both,
                     how) {  // covers SEL-008 SEL-023
  live_stage s;
  auto main = [&]() -> task<void> {
    constexpr std::size_t size = 16 * 1024 * 1024;
    for (const bool gently : {true, false}) {
      auto [a, b] = co_await make_pair(how);
      auto writer = spawn(write_blocks(a, 'z', 1, size, nullptr));
      co_await until([a = a] { return a.unsent() > 64 * 1024; }, "the writer to wait");
      if (gently)
        a.close();
      else
        a.abort();
      std::size_t got = 0;
      try {
        got = (co_await read_all(b)).size();
      } catch (const std::system_error&) {
        BOOST_TEST(!gently);
      }
      if (gently) {
        BOOST_TEST(got == size);
        co_await writer;
      } else {
        BOOST_TEST(got < size);
        BOOST_CHECK_THROW(co_await writer, std::system_error);
      }
    }
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(a_write_that_waits_while_its_stream_is_closed_ends_when_all_is_sent, both,
                     how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    auto writer = spawn(write_blocks(a, 'z', 1, 8 * 1024 * 1024, nullptr));
    co_await until([a = a] { return a.unsent() > 64 * 1024; }, "the writer to wait");
    a.close();
    BOOST_TEST((co_await read_all(b)).size() == 8U * 1024 * 1024);
    co_await writer;
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(the_last_handle_closes_the_stream, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    {
      io::stream copy = a;
      a = io::stream();
      BOOST_TEST(!copy.closed());
      co_await copy.write("bye");
    }
    BOOST_TEST(co_await b.read() == "bye");
    BOOST_TEST(co_await b.read() == "");
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(what_arrived_before_close_by_ourselves_can_still_be_read_from_the_buffer, both,
                     how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how);
    co_await a.write("line\nand more");
    BOOST_TEST(co_await b.read_until("\n") == "line\n");
    b.close();
    BOOST_TEST(co_await b.read() == "and more");
    BOOST_CHECK_THROW(co_await b.read(), std::system_error);
  };
  s.run(main());
}

// -- several workers --------------------------------------------------------------------------

task<std::size_t> echo_until_end(io::stream end) {
  std::size_t count = 0;
  for (;;) {
    const auto bytes = co_await end.read();
    if (bytes.empty()) break;
    count += bytes.size();
    co_await end.write(bytes);
  }
  end.close();
  co_return count;
}

BOOST_DATA_TEST_CASE(tasks_on_other_workers_move_to_their_stream, both, how) {
  live_stage s(runtime_options{.workers = 3});
  auto main = [&]() -> task<void> {
    std::vector<io::stream> ends;
    std::vector<task_handle<std::size_t>> echoes;
    for (int i = 0; i != 8; ++i) {
      auto [a, b] = co_await make_pair(how);
      echoes.push_back(spawn(echo_until_end(std::move(b))));
      ends.push_back(std::move(a));
    }
    for (int round = 0; round != 50; ++round)
      for (auto& each : ends) {
        co_await each.write("ping");
        BOOST_REQUIRE(co_await each.read_exactly(4) == "ping");
      }
    for (auto& each : ends) each.write_eof();
    for (auto& each : echoes) BOOST_TEST(co_await each == 200U);
  };
  s.run(main());
}

// -- in memory --------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_memory_stream_holds_no_more_than_its_capacity) {
  live_stage s;
  auto main = [&]() -> task<void> {
    BOOST_CHECK_THROW(io::memory_stream(0), std::invalid_argument);
    auto [a, b] = io::memory_stream(1);
    a.set_high_water(0);
    auto writer = spawn(write_blocks(a, 'x', 1, 1000, nullptr));
    co_await turns(5);
    BOOST_TEST(a.unsent() == 999U);
    BOOST_TEST(co_await b.read_exactly(1000) == std::string(1000, 'x'));
    co_await writer;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_memory_stream_needs_a_runtime) {
  BOOST_CHECK_THROW(io::memory_stream(), invalid_state);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
