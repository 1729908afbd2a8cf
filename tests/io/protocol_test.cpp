// Protocols: a connection in callbacks, in asyncio's order.
#include <buskin/io/protocol.hpp>

#include <buskin/actors/as_result.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/buffered_protocol.hpp>
#include <buskin/io/byte_transport.hpp>
#include <buskin/io/create_connection.hpp>
#include <buskin/io/create_server.hpp>
#include <buskin/io/from_descriptor.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/stream_pair.hpp"
#include "io/tls_support.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::until;
using io::at_end;
using io::memory_stream;
using strings = std::vector<std::string>;

std::string text_of(const std::exception_ptr& error) {
  if (!error) return "none";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  }
}

/// Keeps a journal of its callbacks, and does what it is told in them.
struct scripted : io::protocol {
  void connection_made(io::transport t) override {
    link = t;
    notes.push_back("made");
    if (on_made) on_made();
  }
  void data_received(std::string_view bytes) override {
    received += bytes;
    notes.push_back("data " + std::string(bytes.substr(0, 20)));
    if (on_data) on_data(bytes);
  }
  at_end eof_received() override {
    notes.push_back("eof");
    return then;
  }
  void connection_lost(std::exception_ptr error) override {
    notes.push_back("lost " + text_of(error));
    why = error;
    if (on_lost) on_lost();
  }
  void pause_writing() override { notes.push_back("pause"); }
  void resume_writing() override {
    notes.push_back("resume");
    if (on_resume) on_resume();
  }
  bool lost() const { return !notes.empty() && notes.back().starts_with("lost"); }

  io::transport link;
  strings notes;
  std::string received;
  at_end then = at_end::close;
  std::exception_ptr why;
  std::function<void()> on_made;
  std::function<void(std::string_view)> on_data;
  std::function<void()> on_lost;
  std::function<void()> on_resume;
};

/// The same with a buffer of its own.
struct scripted_buffer : io::buffered_protocol {
  explicit scripted_buffer(std::size_t size) : buffer(size, '\0') {}
  void connection_made(io::transport t) override { link = t; }
  std::span<char> get_buffer(std::size_t) override { return buffer; }
  void buffer_updated(std::size_t count) override {
    ++updates;
    received.append(buffer, 0, count);
  }
  void connection_lost(std::exception_ptr error) override {
    ++losses;
    why = error;
  }
  io::transport link;
  std::string buffer;
  std::string received;
  std::exception_ptr why;
  int updates = 0;
  int losses = 0;
};

/// Until the connection's actor has ended.
task<void> ended(io::transport link) {
  const auto end = monitor(link.actor());
  co_await end;
}

task<void> some_turns() {
  for (int i = 0; i != 20; ++i) co_await yield();
}

BOOST_AUTO_TEST_SUITE(protocol)

// covers SEL-014, SEL-015
BOOST_AUTO_TEST_CASE(callbacks_come_in_order_and_the_end_of_stream_closes) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream();
    auto p = std::make_shared<scripted>();
    p->on_data = [&](std::string_view bytes) { p->link.write("got " + std::string(bytes)); };
    const auto link = io::attach(std::move(a), p);
    BOOST_TEST(p->notes == (strings{"made"}), boost::test_tools::per_element());
    co_await b.write("one");
    BOOST_TEST(co_await b.read() == "got one");
    b.write_eof();
    BOOST_TEST(co_await b.read() == "");
    co_await ended(link);
    BOOST_TEST(p->notes == (strings{"made", "data one", "eof", "lost none"}),
               boost::test_tools::per_element());
    BOOST_TEST(link.is_closing());
    BOOST_TEST(!link.get_protocol());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_protocol_that_keeps_its_connection_open_writes_after_the_peers_end) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream();
    auto p = std::make_shared<scripted>();
    p->then = at_end::keep_open;
    const auto link = io::attach(std::move(a), p);
    b.write_eof();
    co_await until([&] { return p->notes.back() == "eof"; }, "the end of stream");
    link.pause_reading();
    link.resume_reading();
    co_await some_turns();
    link.write("afterwards");
    BOOST_TEST(co_await b.read() == "afterwards");
    link.close();
    co_await ended(link);
    BOOST_TEST(p->notes == (strings{"made", "eof", "lost none"}), boost::test_tools::per_element());
  };
  s.run(main());
}

// covers SEL-007
BOOST_AUTO_TEST_CASE(close_stops_reading_at_once_and_abort_drops_what_is_unsent) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream(10);
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(std::move(a), p);
    link.write(std::string(30, 'x'));
    link.close();
    link.close();
    BOOST_TEST(link.is_closing());
    BOOST_TEST(!link.is_reading());
    link.resume_reading();
    BOOST_TEST(!link.is_reading());
    co_await b.write("unheard");
    co_await some_turns();
    BOOST_TEST(p->received == "");
    BOOST_TEST(!p->lost());  // not before all is sent
    link.abort();
    link.abort();
    co_await ended(link);
    BOOST_TEST(p->notes == (strings{"made", "lost none"}), boost::test_tools::per_element());
    BOOST_TEST(link.write_buffer_size() == 0U);
    BOOST_TEST((co_await b.read_exactly(10)).size() == 10U);
    BOOST_TEST(co_await b.read() == "");
    link.write("after the end");
  };
  s.run(main());
}

// covers SEL-009
BOOST_AUTO_TEST_CASE(a_reset_by_the_peer_is_no_incident) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server_side = std::make_shared<scripted>();
    auto server = co_await io::create_server("127.0.0.1:0", [&] { return server_side; });
    auto link = co_await io::connect(server.local().to_string());
    co_await until([&] { return !server_side->notes.empty(); }, "the client");
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(link.descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    link.abort();
    co_await until([&] { return server_side->lost(); }, "the reset");
    BOOST_REQUIRE(server_side->why);
    BOOST_CHECK_EXCEPTION(
        std::rethrow_exception(server_side->why), std::system_error,
        [](const std::system_error& error) { return error.code() == std::errc::connection_reset; });
    BOOST_TEST(s.incidents() == 0U);
    server.close();
  };
  s.run(main());
}

// covers SEL-009, SEL-013
BOOST_AUTO_TEST_CASE(a_callback_that_throws_ends_the_connection_and_is_reported) {
  live_stage s;
  auto main = [&]() -> task<void> {
    for (const char* where : {"made", "data", "resume"}) {
      auto [a, b] = memory_stream(10);
      auto p = std::make_shared<scripted>();
      auto fail = [where] { throw std::runtime_error(std::string("bad ") + where); };
      if (where == std::string("made")) p->on_made = fail;
      if (where == std::string("data")) p->on_data = [fail](std::string_view) { fail(); };
      if (where == std::string("resume")) {
        p->on_made = [&] {
          p->link.set_write_buffer_limits({.high = 20, .low = 5});
          p->link.write(std::string(50, 'x'));
        };
        p->on_resume = fail;
      }
      const auto link = io::attach(std::move(a), p);
      auto peer = [](io::stream to) -> task<void> {
        (void)co_await as_result(to.write("x"));
        while (!(co_await to.read()).empty()) {
        }
      };
      co_await peer(b);
      co_await until([&] { return p->lost(); }, "the end");
      BOOST_TEST(p->notes.back() == std::string("lost bad ") + where);
      const auto incidents = s.take_incidents();
      BOOST_REQUIRE(incidents.size() == 1U);
      BOOST_TEST(incidents.front().code == "BK023");
      BOOST_TEST(text_of(incidents.front().error) == std::string("bad ") + where);
    }
    // Of connection_lost itself there is only the report.
    auto [a, b] = memory_stream();
    auto p = std::make_shared<scripted>();
    p->on_lost = [] { throw std::runtime_error("too late"); };
    const auto link = io::attach(std::move(a), p);
    link.abort();
    co_await ended(link);
    BOOST_TEST(p->notes == (strings{"made", "lost none"}), boost::test_tools::per_element());
    BOOST_TEST(s.take_incidents().size() == 1U);
  };
  s.run(main());
}

// -- writing ------------------------------------------------------------------------------------

// covers SEL-019, SEL-020
BOOST_AUTO_TEST_CASE(writes_go_out_in_order_and_the_callers_buffer_is_free_at_once) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream(7);
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(std::move(a), p);
    std::string expected;
    std::string buffer;
    for (int i = 0; i != 100; ++i) {
      buffer = std::to_string(i) + ",";
      expected += buffer;
      link.write(buffer);
      buffer.assign(buffer.size(), '#');
      link.write({"<", std::string(static_cast<std::size_t>(i) * 400, 'm'), "", ">"});
      expected += "<" + std::string(static_cast<std::size_t>(i) * 400, 'm') + ">";
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

// -- reading ------------------------------------------------------------------------------------

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
      // It pauses again in the middle: what comes at once is kept for the next time, and so is the
      // end.
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

// -- what it is over ----------------------------------------------------------------------------

// covers TRN-001, EVT-027
BOOST_AUTO_TEST_CASE(a_transport_tells_what_it_knows_also_after_its_runtime) {
  io::transport over_tcp;
  std::string peer;
  {
    live_stage s;
    auto main = [&]() -> task<void> {
      auto server_side = std::make_shared<scripted>();
      auto server = co_await io::create_server("127.0.0.1:0", [&] { return server_side; });
      peer = server.local().to_string();
      auto [link, p] =
          co_await io::create_connection(peer, [] { return std::make_shared<scripted>(); });
      over_tcp = link;
      BOOST_TEST(p->notes.front() == "made");
      BOOST_TEST(link.info().peer->to_string() == peer);
      BOOST_TEST(link.info().local.has_value());
      BOOST_TEST(link.descriptor() >= 0);
      BOOST_TEST(!link.tls());
      auto [a, b] = memory_stream();
      const auto in_memory = io::attach(std::move(a), std::make_shared<scripted>());
      BOOST_TEST(!in_memory.info().peer);
      BOOST_TEST(!in_memory.info().local);
      BOOST_TEST(in_memory.descriptor() == -1);
      in_memory.close();
      server.close();
    };
    s.run(main());
  }
  BOOST_TEST(over_tcp.info().peer->to_string() == peer);
  BOOST_TEST(over_tcp.is_closing());
  BOOST_TEST(!over_tcp.is_reading());
  BOOST_TEST(over_tcp.write_buffer_size() == 0U);
  BOOST_TEST(over_tcp.descriptor() == -1);
  BOOST_TEST(!over_tcp.tls());
  over_tcp.write("to nobody");
  over_tcp.close();
  over_tcp.abort();
  BOOST_CHECK_THROW(io::transport().close(), invalid_state);
}

struct echo : io::protocol {
  void connection_made(io::transport t) override { link = t; }
  void data_received(std::string_view bytes) override { link.write(bytes); }
  io::transport link;
};

BOOST_AUTO_TEST_CASE(a_server_of_protocols_serves_many_and_leaves_nobody) {
  for (const unsigned workers : {1U, 3U}) {
    live_stage s(runtime_options{.workers = workers});
    auto main = [&]() -> task<void> {
      auto server =
          co_await io::create_server("127.0.0.1:0", [] { return std::make_shared<echo>(); });
      auto use = [](std::string where) -> task<bool> {
        auto link = co_await io::connect(where);
        const std::string much(200'000, 'e');
        auto sending = spawn([](io::stream to, std::string what) -> task<void> {
          co_await to.write(what);
          to.write_eof();
        }(link, much));
        const bool right = co_await link.read_exactly(much.size()) == much;
        co_await sending;
        co_return right && (co_await link.read()).empty();
      };
      std::vector<task<bool>> all;
      for (int i = 0; i != 10; ++i) all.push_back(use(server.local().to_string()));
      for (const bool right : co_await gather(std::move(all))) BOOST_TEST(right);
      co_await until([&] { return server.connections() == 0; }, "the sessions' end");
      // One that is connected at the end of the runtime is lost with it.
      auto left = co_await io::connect(server.local().to_string());
      co_await left.write("x");
      BOOST_TEST(co_await left.read() == "x");
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_CASE(a_factory_that_throws_costs_one_client) {
  live_stage s;
  auto main = [&]() -> task<void> {
    int made = 0;
    auto server =
        co_await io::create_server("127.0.0.1:0", [&made]() -> std::shared_ptr<io::base_protocol> {
          if (made++ == 0) throw std::runtime_error("not today");
          return std::make_shared<echo>();
        });
    auto first = co_await io::connect(server.local().to_string());
    BOOST_TEST(co_await first.read() == "");
    auto second = co_await io::connect(server.local().to_string());
    co_await second.write("x");
    BOOST_TEST(co_await second.read() == "x");
    const auto incidents = s.take_incidents();
    BOOST_REQUIRE(incidents.size() == 1U);
    BOOST_TEST(incidents.front().code == "BK002");
    server.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_pipe_is_a_protocols_too) {
  live_stage s;
  auto main = [&]() -> task<void> {
    std::array<int, 2> ends{};
    BOOST_REQUIRE(::pipe(ends.data()) == 0);
    auto reader = std::make_shared<scripted>();
    auto writer = std::make_shared<scripted>();
    const auto in = io::attach(io::from_descriptor(ends[0], "the pipe"), reader);
    const auto out = io::attach(io::from_descriptor(ends[1], "the pipe's mouth"), writer);
    out.write("through the pipe");
    co_await until([&] { return reader->received == "through the pipe"; }, "the bytes");
    out.close();
    co_await ended(in);
    BOOST_TEST(reader->notes.back() == "lost none");
    BOOST_TEST(in.info().name == "the pipe");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(protocols_talk_over_tls) {
  test::tls_world world;
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await io::create_server("127.0.0.1:0", [] { return std::make_shared<echo>(); },
                                             {.tls = world.server()});
    auto [link, p] = co_await io::create_connection(
        server.local().to_string(), [] { return std::make_shared<scripted>(); },
        {.tls = world.client(), .server_name = "example.org"});
    BOOST_REQUIRE(link.tls().has_value());
    const std::string much(100'000, 's');
    link.write(much);
    co_await until([&] { return p->received == much; }, "the echo");
    link.close();
    co_await ended(link);
    BOOST_TEST(p->notes.back() == "lost none");
    BOOST_TEST(!link.tls());
    co_await until([&] { return server.connections() == 0; }, "the server's side");
    server.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_runtimes_end_closes_a_connection_in_good_order) {
  auto p = std::make_shared<scripted>();
  {
    live_stage s;
    auto main = [&]() -> task<void> {
      auto [a, b] = memory_stream();
      io::attach(std::move(a), p);
      auto other = std::make_shared<scripted>();
      io::attach(std::move(b), other);
      co_await yield();
    };
    s.run(main());
    BOOST_TEST(p->notes.back() == "made");
  }
  BOOST_TEST(p->notes.back() == "lost none");
}

/// Always has bytes.
struct flood final : io::byte_transport {
  io::transfer read_some(std::span<char> target) override {
    target.front() = 'x';
    return io::transfer::moved(1);
  }
  io::transfer write_some(std::string_view) override { return io::transfer::blocked(); }
  void close() noexcept override {}
  std::string describe() const override { return "flood"; }
};

BOOST_AUTO_TEST_CASE(a_flood_leaves_others_their_turns) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(io::from_transport(std::make_unique<flood>()), p);
    for (int i = 0; i != 20; ++i) co_await yield();
    const auto after_some = p->received.size();
    BOOST_TEST(after_some > 20U);
    BOOST_TEST(after_some < 10'000U);
    for (int i = 0; i != 20; ++i) co_await yield();
    BOOST_TEST(p->received.size() > after_some);
    link.close();
    co_await ended(link);
    BOOST_TEST(p->lost());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_killed_connection_is_lost_once) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream(10);
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(std::move(a), p);
    link.write(std::string(30, 'x'));
    caf::anon_send_exit(link.actor(), caf::exit_reason::kill);
    co_await ended(link);
    BOOST_TEST(p->notes.size() == 2U);
    BOOST_TEST(p->lost());
    BOOST_TEST(!!p->why);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(another_thread_may_write_and_close) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream();
    auto p = std::make_shared<scripted>();
    const auto link = io::attach(std::move(a), p);
    std::thread([link] {
      link.write("from ");
      link.write({"else", "where"});
      link.close();
    }).join();
    BOOST_TEST((co_await b.read_exactly(14)) == "from elsewhere");
    BOOST_TEST(co_await b.read() == "");
    co_await ended(link);
    BOOST_TEST(p->notes == (strings{"made", "lost none"}), boost::test_tools::per_element());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_stream_that_is_read_cannot_be_attached) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream();
    auto reading =
        spawn([](io::stream from) -> task<std::string> { co_return co_await from.read(); }(a));
    co_await yield();
    BOOST_CHECK_THROW(io::attach(a, std::make_shared<scripted>()), invalid_state);
    BOOST_CHECK_THROW(io::attach(b, nullptr), std::invalid_argument);
    co_await b.write("x");
    BOOST_TEST(co_await reading == "x");
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
