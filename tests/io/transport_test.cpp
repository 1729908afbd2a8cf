// Transports: writing within limits, reading with pauses.
#include <buskin/io/transport.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/scripted_protocol.hpp"
#include "io/stream_pair.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::ended;
using buskin::test::live_stage;
using buskin::test::scripted;
using buskin::test::scripted_buffer;
using buskin::test::some_turns;
using buskin::test::strings;
using buskin::test::text_of;
using buskin::test::until;
using io::at_end;
using io::memory_stream;

BOOST_AUTO_TEST_SUITE(transport)

// -- writing
// ------------------------------------------------------------------------------------

// covers SEL-019, SEL-020
BOOST_AUTO_TEST_CASE(writes_go_out_in_order_and_the_callers_buffer_is_free_at_once) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream(97);
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(std::move(a), p);
    std::string expected;
    std::string buffer;
    for (int i = 0; i != 100; ++i) {
      buffer = std::to_string(i) + ",";
      expected += buffer;
      link.write(buffer);
      buffer.assign(buffer.size(), '#');
      link.write({"<", std::string(static_cast<std::size_t>(i) * 40, 'm'), "", ">"});
      expected += "<" + std::string(static_cast<std::size_t>(i) * 40, 'm') + ">";
    }
    link.close();
    BOOST_TEST((co_await b.read_exactly(expected.size()) == expected));
    BOOST_TEST(co_await b.read() == "");
    co_await ended(link);
    BOOST_TEST(p->notes.back() == "lost none");
  };
  s.run(main());
}

// covers SEL-021
BOOST_AUTO_TEST_CASE(a_gathered_write_above_the_high_mark_pauses_once_and_marks_alternate) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream(10);
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(std::move(a), p);
    link.set_write_buffer_limits({.high = 40, .low = 10});
    link.write({std::string(25, 'x'), std::string(25, 'y')});  // 40 are kept
    BOOST_TEST(p->notes.back() == "made");
    link.write({"z"});
    link.write({"z", "z"});
    BOOST_TEST(p->notes == (strings{"made", "pause"}), boost::test_tools::per_element());
    BOOST_TEST(link.write_buffer_size() == 43U);
    BOOST_TEST((co_await b.read_exactly(42)).size() == 42U);
    co_await until([&] { return p->notes.back() == "resume"; }, "the low mark");
    BOOST_TEST(link.write_buffer_size() <= 10U);
    link.write(std::string(60, 'x'));
    BOOST_TEST((co_await b.read_exactly(71)).size() == 71U);
    co_await until([&] { return p->notes.size() == 5; }, "the second resumption");
    BOOST_TEST(p->notes == (strings{"made", "pause", "resume", "pause", "resume"}),
               boost::test_tools::per_element());
    link.abort();
  };
  s.run(main());
}

// covers TRN-004
BOOST_AUTO_TEST_CASE(write_limits_are_checked_read_back_and_take_effect_at_once) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream(10);
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(std::move(a), p);
    const auto limits = [&] {
      const auto both = link.get_write_buffer_limits();
      return std::pair(*both.high, *both.low);
    };
    BOOST_TEST((limits() == std::pair<std::size_t, std::size_t>(64 * 1024, 16 * 1024)));
    BOOST_CHECK_THROW(link.set_write_buffer_limits({.high = 1, .low = 2}), std::invalid_argument);
    BOOST_TEST((limits() == std::pair<std::size_t, std::size_t>(64 * 1024, 16 * 1024)));
    link.set_write_buffer_limits({.high = 400});
    BOOST_TEST((limits() == std::pair<std::size_t, std::size_t>(400, 100)));
    link.set_write_buffer_limits({.low = 300});
    BOOST_TEST((limits() == std::pair<std::size_t, std::size_t>(1200, 300)));
    link.write(std::string(210, 'x'));
    BOOST_TEST(p->notes.back() == "made");
    link.set_write_buffer_limits({.high = 100});
    BOOST_TEST(p->notes.back() == "pause");
    link.set_write_buffer_limits({.high = 100});
    link.set_write_buffer_limits({.high = 50});
    BOOST_TEST(p->notes == (strings{"made", "pause"}), boost::test_tools::per_element());
    link.set_write_buffer_limits({.high = 0});
    BOOST_TEST((co_await b.read_exactly(210)).size() == 210U);
    co_await until([&] { return p->notes.back() == "resume"; }, "an empty buffer");
    link.abort();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_limits_are_the_marks_of_the_stream) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream(10);
    a.set_water_marks(5, 40);
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(a, p);
    const auto limits = link.get_write_buffer_limits();
    BOOST_TEST(*limits.high == 40U);
    BOOST_TEST(*limits.low == 5U);
    link.write(std::string(51, 'x'));
    BOOST_TEST(p->notes.back() == "pause");
    BOOST_TEST((co_await b.read(30)).size() == 10U);
    co_await some_turns();
    BOOST_TEST(p->notes.back() == "pause");  // 31 are unsent
    link.set_write_buffer_limits({.high = 400});
    BOOST_TEST(a.high_water() == 400U);
    BOOST_TEST(a.low_water() == 100U);
    co_await some_turns();
    BOOST_TEST(p->notes.back() == "resume");
    link.abort();
  };
  s.run(main());
}

// covers SEL-025, SEL-026
BOOST_AUTO_TEST_CASE(the_sending_half_ends_once_and_after_what_is_unsent) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream(10);
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(std::move(a), p);
    BOOST_TEST(link.can_write_eof());
    link.write(std::string(25, 'x'));
    link.write_eof();
    link.write_eof();
    BOOST_CHECK_THROW(link.write("more"), invalid_state);
    BOOST_TEST((co_await b.read_exactly(25)).size() == 25U);
    BOOST_TEST(co_await b.read() == "");
    // The other direction goes on.
    co_await b.write("still heard");
    co_await until([&] { return p->received == "still heard"; }, "the bytes");
    link.close();
    link.write_eof();
    co_await ended(link);
    BOOST_TEST(p->notes.back() == "lost none");
  };
  s.run(main());
}

// covers SEL-023, SEL-027
BOOST_AUTO_TEST_CASE(what_resume_writing_adds_while_closing_is_still_sent) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream(10);
    auto p = std::make_shared<scripted>();
    bool added = false;
    p->on_resume = [&] {
      if (!std::exchange(added, true)) p->link.write("and this");
    };
    const auto link = io::attach(std::move(a), p);
    link.set_write_buffer_limits({.high = 0});
    link.write(std::string(30, 'x'));
    link.close();
    BOOST_TEST((co_await b.read_exactly(38)) == std::string(30, 'x') + "and this");
    BOOST_TEST(co_await b.read() == "");
    co_await ended(link);
    BOOST_TEST(added);
    BOOST_TEST(p->notes.back() == "lost none");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_peer_that_takes_nothing_does_not_hold_a_closed_connection_for_ever) {
  test::stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream(10);
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(std::move(a), p);
    link.write(std::string(30, 'x'));
    link.close();
    co_await ended(link);
    BOOST_TEST(p->lost());
    BOOST_TEST(!!p->why);
  };
  s.run(main());
}

// -- reading
// ------------------------------------------------------------------------------------

// covers AIO-005, AIO-007
BOOST_AUTO_TEST_CASE(a_paused_connection_receives_nothing_and_then_everything_with_its_end) {
  live_stage s;
  auto main = [&]() -> task<void> {
    for (const auto how : {test::transport::memory, test::transport::tcp}) {
      auto [a, b] = co_await test::make_pair(how);
      auto p = std::make_shared<scripted>();
      const auto link = io::attach(std::move(a), p);
      link.pause_reading();
      link.pause_reading();
      BOOST_TEST(!link.is_reading());
      co_await b.write("first");
      co_await sleep(20ms);
      BOOST_TEST(p->notes == (strings{"made"}), boost::test_tools::per_element());
      // It pauses again in the middle: what comes at once is kept for the next
      // time, and so is the end.
      p->on_data = [&](std::string_view) { p->link.pause_reading(); };
      link.resume_reading();
      link.resume_reading();
      co_await until([&] { return p->received == "first"; }, "the data");
      co_await b.write("second");
      b.write_eof();
      co_await sleep(20ms);
      BOOST_TEST(p->notes.back() == "data first");
      link.resume_reading();
      co_await until([&] { return p->received == "firstsecond"; }, "the second");
      co_await some_turns();
      BOOST_TEST(p->notes.back() == "data second");
      link.resume_reading();
      co_await ended(link);
      BOOST_TEST(p->notes == (strings{"made", "data first", "data second", "eof", "lost none"}),
                 boost::test_tools::per_element());
    }
  };
  s.run(main());
}

task<std::string> read_once(io::stream from) { co_return co_await from.read(); }

BOOST_AUTO_TEST_CASE(
    reading_that_cannot_be_resumed_is_told_here_and_ends_the_connection_elsewhere) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream();
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(a, p);
    link.pause_reading();
    co_await some_turns();
    auto other = spawn(read_once(a));
    co_await some_turns();
    BOOST_CHECK_THROW(link.resume_reading(), invalid_state);
    BOOST_TEST(!link.is_reading());
    std::thread([link] { link.resume_reading(); }).join();
    co_await ended(link);
    BOOST_TEST(p->lost());
    BOOST_TEST(text_of(p->why).find("read by somebody else") != std::string::npos);
    BOOST_CHECK_THROW(co_await other, std::system_error);
  };
  s.run(main());
}

// covers BUF-001
BOOST_AUTO_TEST_CASE(nine_kilobytes_arrive_in_a_buffer_of_a_hundred_bytes) {
  live_stage s;
  auto main = [&]() -> task<void> {
    for (const auto how : {test::transport::memory, test::transport::tcp}) {
      auto [a, b] = co_await test::make_pair(how);
      auto p = std::make_shared<scripted_buffer>(100);
      const auto link = io::attach(std::move(a), p);
      std::string sent;
      for (int i = 0; sent.size() < 9000; ++i) sent += std::to_string(i) + " ";
      co_await b.write(sent);
      b.close();
      co_await ended(link);
      BOOST_TEST((p->received == sent));
      BOOST_TEST(p->updates >= 90);
      BOOST_TEST(p->losses == 1);
      BOOST_TEST(!p->why);
    }
  };
  s.run(main());
}

// covers SEL-028
BOOST_AUTO_TEST_CASE(an_empty_buffer_is_an_error_and_the_kind_of_protocol_may_change) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream();
    auto plain = std::make_shared<scripted>();
    auto buffer = std::make_shared<scripted_buffer>(4);
    plain->on_data = [&](std::string_view) { plain->link.set_protocol(buffer); };
    const auto link = io::attach(std::move(a), plain);
    co_await b.write("first");
    co_await until([&] { return plain->received == "first"; }, "the first");
    BOOST_TEST((link.get_protocol() == buffer));
    co_await b.write("second");
    co_await until([&] { return buffer->received == "second"; }, "the second");
    BOOST_TEST(plain->received == "first");
    link.set_protocol(plain);
    co_await b.write("third");
    co_await until([&] { return plain->received == "firstthird"; }, "the third");
    BOOST_CHECK_THROW(link.set_protocol(nullptr), std::invalid_argument);

    buffer->buffer.clear();
    co_await b.write("nowhere to go");
    co_await ended(link);
    BOOST_TEST(buffer->losses == 1);
    BOOST_TEST(text_of(buffer->why).find("empty buffer") != std::string::npos);
    BOOST_TEST(!plain->lost());  // it is not the protocol any more
    BOOST_TEST(s.take_incidents().size() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
