// Writing in pieces and without waiting, the marks, and how a stream ends.
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/to_thread.hpp>

#include "io/live_stage.hpp"
#include "io/stream_pair.hpp"
#include "io/tls_support.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::make_pair;
using buskin::test::transport;
using buskin::test::until;

namespace data = boost::unit_test::data;
const auto both = data::make({transport::memory, transport::tcp});
const auto with_tls = both * data::make({false, true});

auto code(std::errc wanted) {
  return [wanted](const std::system_error& error) { return error.code() == wanted; };
}

task<std::pair<io::stream, io::stream>> make_pair(transport how, bool encrypted) {
  auto ends = co_await test::make_pair(how);
  if (encrypted) {
    const test::tls_world world;
    co_await test::secure(ends.first, world.client(), ends.second, world.server());
  }
  co_return ends;
}

task<void> write(io::stream to, std::string bytes) { co_await to.write(bytes); }
task<void> write_pieces(io::stream to, std::vector<std::string> pieces) {
  const std::vector<std::string_view> views(pieces.begin(), pieces.end());
  co_await to.write(views);
}
task<std::string> read_all(io::stream from) { co_return co_await from.read_all(); }
task<void> wait_closed(io::stream which) { co_await which.wait_closed(); }

task<void> turns(int count) {
  while (count-- != 0) co_await yield();
}

BOOST_AUTO_TEST_SUITE(stream_writing)

task<void> drain(io::stream which) { co_await which.drain(); }

BOOST_AUTO_TEST_CASE(a_write_is_not_held_up_by_a_drain_in_front_of_it) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream(100);
    a.set_water_marks(10, 50);
    a.write_nowait(std::string(200, 'x'));  // half of it waits
    auto drained = spawn(drain(a));
    auto written = spawn(write(a, "y"));
    co_await turns(3);
    BOOST_TEST(!written.done());
    BOOST_TEST((co_await b.read_exactly(95)).size() == 95U);
    co_await until([&] { return written.done(); }, "the write to be let go on");
    BOOST_TEST(a.unsent() != 0U);
    BOOST_TEST(!drained.done());
    co_await b.read_exactly(106);
    co_await drained;
  };
  s.run(main());
}

// T3
BOOST_DATA_TEST_CASE(pieces_go_out_together_and_in_order, with_tls, how,
                     encrypted) {  // covers SEL-014, SEL-019, SEL-020
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how, encrypted);
    {
      std::string reused = "one ";
      co_await a.write({reused, "", "two ", std::string("three\n")});
      reused = "XXXX";
      const std::vector<std::string_view> none;
      co_await a.write(none);
      co_await a.write({"", ""});
    }
    BOOST_TEST(co_await b.read_line() == "one two three\n");
    // More pieces than the system takes at once, larger than it has room for, behind what waits.
    std::vector<std::string> pieces;
    std::string whole;
    for (int i = 0; i != 3000; ++i) {
      pieces.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i), '.'));
      whole += pieces.back();
    }
    auto first = spawn(write_pieces(a, pieces));
    auto second = spawn(write_pieces(a, pieces));
    auto third = spawn(write(a, "the end"));
    co_await turns(5);
    BOOST_TEST((co_await b.read_exactly(whole.size()) == whole));
    BOOST_TEST((co_await b.read_exactly(whole.size()) == whole));
    BOOST_TEST(co_await b.read_exactly(7) == "the end");
    co_await first;
    co_await second;
    co_await third;
    co_await a.drain();
    BOOST_TEST(a.unsent() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(pieces_survive_every_pattern_of_partial_writes) {  // covers SEL-020
  live_stage s;
  auto main = [&]() -> task<void> {
    for (std::size_t room = 1; room != 14; ++room) {
      auto [a, b] = io::memory_stream(room);
      a.set_high_water(0);
      auto writer = spawn(write_pieces(a, {"ab", "", "cdefg", "h", "ijkl"}));
      auto behind = spawn(write_pieces(a, {"mn", "o"}));
      BOOST_TEST(co_await b.read_exactly(15) == "abcdefghijklmno");
      co_await writer;
      co_await behind;
    }
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(pieces_over_the_high_mark_hold_their_writer_back, with_tls, how,
                     encrypted) {  // covers SEL-021
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how, encrypted);
    const std::string block(8 * 1024 * 1024, 'x');
    auto writer = spawn(write_pieces(a, {block, block}));
    co_await until([a = a] { return a.unsent() > 64 * 1024; }, "the writer to run into the mark");
    co_await turns(10);
    BOOST_TEST(!writer.done());
    BOOST_TEST((co_await b.read_exactly(2 * block.size()) == block + block));
    co_await writer;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_was_held_back_goes_on_at_the_low_mark) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream(1);
    BOOST_TEST(a.high_water() == 64U * 1024);
    BOOST_TEST(a.low_water() == 16U * 1024);
    a.set_high_water(1000);
    BOOST_TEST(a.low_water() == 250U);
    BOOST_CHECK_THROW(a.set_water_marks(11, 10), std::invalid_argument);
    a.set_water_marks(100, 1000);
    auto exact = spawn(write(a, std::string(1001, 'x')));  // one is under way, 1000 are unsent
    co_await exact;
    auto over = spawn(write(a, "y"));
    co_await turns(5);
    BOOST_TEST(!over.done());
    co_await b.read_exactly(500);
    auto small = spawn(write(a, "z"));  // although there is room: it is not its turn
    while (a.unsent() > 101) co_await b.read_exactly(1);
    co_await turns(5);
    BOOST_TEST(a.unsent() == 101U);
    BOOST_TEST(!over.done());
    BOOST_TEST(!small.done());
    co_await b.read_exactly(1);
    co_await over;
    co_await small;
    // Marks that are moved apart let them go on, too.
    auto again = spawn(write(a, std::string(2000, 'x')));
    co_await turns(5);
    BOOST_TEST(!again.done());
    a.set_high_water(100'000);
    co_await again;
    a.abort();
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(what_is_written_without_waiting_is_sent_and_can_be_waited_for, with_tls, how,
                     encrypted) {  // covers AIO-001
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how, encrypted);
    const std::string much(16 * 1024 * 1024, 'n');
    a.write_nowait("few");
    co_await a.write("");  // asyncio's drain: below the mark it does not wait
    a.write_nowait(much);
    a.write_nowait("end");
    auto mark = spawn(write(a, ""));
    co_await turns(5);
    BOOST_TEST(!mark.done());
    BOOST_TEST((co_await b.read_exactly(6 + much.size()) == "few" + much + "end"));
    co_await mark;
    co_await a.drain();
    b.abort();
    a.abort(std::make_error_code(std::errc::connection_reset));
    BOOST_CHECK_THROW(a.write_nowait("x"), std::system_error);
    BOOST_CHECK_EXCEPTION(co_await a.drain(), std::system_error, code(std::errc::connection_reset));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(write_nowait_is_for_the_streams_own_worker) {
  live_stage s(runtime_options{.workers = 3});
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream();
    BOOST_CHECK_THROW(co_await to_thread([a = a] { a.write_nowait("x"); }), invalid_state);
    co_await a.write("y");  // moves there, wherever it was
    a.write_nowait("z");
    BOOST_TEST(co_await b.read_exactly(2) == "yz");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(pieces_are_written_also_by_who_has_to_move_first) {
  live_stage s(runtime_options{.workers = 3});
  auto main = [&]() -> task<void> {
    std::vector<task_handle<void>> writers;
    std::vector<io::stream> ends;
    auto use = [](io::stream to, int number) -> task<void> {
      co_await to.write({"number ", std::to_string(number), "\n"});
    };
    for (int i = 0; i != 50; ++i) {
      auto [a, b] = io::memory_stream();
      writers.push_back(spawn(use(a, i)));
      ends.push_back(b);
    }
    for (int i = 0; i != 50; ++i)
      BOOST_TEST(co_await ends[static_cast<std::size_t>(i)].read_line() ==
                 "number " + std::to_string(i) + "\n");
    for (auto& each : writers) co_await each;
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(news_after_a_cancelled_write_do_no_harm, both, how) {  // covers AIO-004
  live_stage s;
  auto main = [&]() -> task<void> {
    for (const bool lost : {false, true}) {
      auto [a, b] = co_await test::make_pair(how);
      constexpr std::size_t size = 8 * 1024 * 1024;
      auto writer = spawn(write(a, std::string(size, 'c')));
      co_await until([a = a] { return a.unsent() > 64 * 1024; }, "the writer to wait");
      writer.cancel();
      BOOST_CHECK_THROW(co_await writer, cancelled);
      if (lost) {
        b.abort();
        co_await until([a = a] { return static_cast<bool>(a.error()); }, "the loss");
        BOOST_CHECK_THROW(co_await a.write("x"), std::system_error);
      } else {
        co_await b.read_exactly(size);
        co_await a.write("x");
        BOOST_TEST(co_await b.read() == "x");
      }
    }
  };
  s.run(main());
}

// -- ending -------------------------------------------------------------------------------------

BOOST_DATA_TEST_CASE(the_end_of_writing_comes_once_and_after_what_is_queued, with_tls, how,
                     encrypted) {  // covers SEL-025, SEL-026
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how, encrypted);
    const std::string much(16 * 1024 * 1024, 'e');
    a.write_nowait(much);
    BOOST_TEST(a.unsent() != 0U);
    a.write_eof();
    a.write_eof();
    BOOST_CHECK_THROW(co_await a.write("more"), std::system_error);
    BOOST_TEST((co_await b.read_all() == much));
    a.write_eof();
    co_await b.write("answer");
    BOOST_TEST(co_await a.read_exactly(6) == "answer");
    a.close();
    a.write_eof();
    b.close();
    co_await a.wait_closed();
    a.write_eof();
    BOOST_TEST(!a.error());
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(a_request_a_line_the_rest_and_the_end, with_tls, how,
                     encrypted) {  // covers STR-001
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how, encrypted);
    auto serve = [](io::stream end) -> task<void> {
      BOOST_TEST(co_await end.read_line() == "GET / HTTP/1.0\r\n");
      BOOST_TEST(co_await end.read_line() == "\r\n");
      co_await end.write({"HTTP/1.0 200 OK\r\n", "\r\n", "Test message"});
      end.close();
      co_await end.wait_closed();
    };
    auto server = spawn(serve(b));
    co_await a.write("GET / HTTP/1.0\r\n\r\n");
    BOOST_TEST(co_await a.read_line() == "HTTP/1.0 200 OK\r\n");
    BOOST_TEST(co_await a.read_all() == "\r\nTest message");
    a.close();
    co_await a.wait_closed();
    co_await server;
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(whoever_waits_for_the_end_learns_of_it, with_tls, how,
                     encrypted) {  // covers STR-049, STR-050
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how, encrypted);
    co_await b.write("never read");
    std::vector<task_handle<void>> waiting;
    for (int i = 0; i != 3; ++i) waiting.push_back(spawn(wait_closed(a)));
    co_await turns(5);
    waiting[1].cancel();
    BOOST_CHECK_THROW(co_await waiting[1], cancelled);
    BOOST_TEST(!waiting[0].done());
    a.close();
    BOOST_TEST(a.closed());
    b.close();
    co_await waiting[0];
    co_await waiting[2];
    co_await a.wait_closed();
    BOOST_TEST(a.descriptor() == -1);
    // All that was written goes out before.
    auto [c, d] = co_await make_pair(how, encrypted);
    const std::string much(16 * 1024 * 1024, 'l');
    c.write_nowait(much);
    c.close();
    auto end = spawn(wait_closed(c));
    co_await turns(5);
    BOOST_TEST(!end.done());
    auto all = spawn(read_all(d));
    BOOST_TEST((co_await all == much));
    d.close();
    co_await end;
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(waiting_for_the_end_fails_with_what_the_stream_was_lost_to, both, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await test::make_pair(how);
    auto end = spawn(wait_closed(a));
    auto writer = spawn(write(a, std::string(8 * 1024 * 1024, 'x')));
    co_await until([a = a] { return a.unsent() > 64 * 1024; }, "the writer to wait");
    b.abort();
    BOOST_CHECK_THROW(co_await writer, std::system_error);
    const auto lost = a.error();
    BOOST_TEST((lost == std::errc::broken_pipe || lost == std::errc::connection_reset));
    a.close();
    for (int i = 0; i != 2; ++i)
      BOOST_CHECK_EXCEPTION(i == 0 ? co_await end : co_await wait_closed(a), std::system_error,
                            [&](const auto& error) { return error.code() == lost; });
    // An end by our own will is no loss, unless it is said to be one.
    auto [c, d] = co_await test::make_pair(how);
    c.abort();
    co_await c.wait_closed();
    d.abort(std::make_error_code(std::errc::protocol_error));
    BOOST_CHECK_EXCEPTION(co_await d.wait_closed(), std::system_error,
                          code(std::errc::protocol_error));
    BOOST_CHECK_EXCEPTION(co_await d.read(), std::system_error, code(std::errc::protocol_error));
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(after_close_writing_and_draining_fail, with_tls, how,
                     encrypted) {  // covers STR-051
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = co_await make_pair(how, encrypted);
    a.close();
    BOOST_CHECK_EXCEPTION(a.write_nowait("x"), std::system_error, code(std::errc::not_connected));
    BOOST_CHECK_EXCEPTION(co_await a.write("x"), std::system_error, code(std::errc::not_connected));
    BOOST_CHECK_EXCEPTION(co_await a.write({"x", "y"}), std::system_error,
                          code(std::errc::not_connected));
    BOOST_CHECK_EXCEPTION(co_await a.drain(), std::system_error, code(std::errc::not_connected));
    b.close();
    co_await a.wait_closed();
    BOOST_CHECK_EXCEPTION(co_await a.drain(), std::system_error, code(std::errc::not_connected));
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
