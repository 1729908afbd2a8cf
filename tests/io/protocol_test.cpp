// Protocols: a connection in callbacks, in asyncio's order.
#include <buskin/io/protocol.hpp>

#include <buskin/actors/as_result.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/byte_transport.hpp>
#include <buskin/io/create_connection.hpp>
#include <buskin/io/create_server.hpp>
#include <buskin/io/from_descriptor.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/scripted_protocol.hpp"
#include "io/stream_pair.hpp"
#include "io/tls_support.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::ended;
using buskin::test::live_stage;
using buskin::test::scripted;
using buskin::test::some_turns;
using buskin::test::strings;
using buskin::test::text_of;
using buskin::test::until;
using io::at_end;
using io::memory_stream;

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
    auto server = co_await io::create_server("127.0.0.1:0", [server_side] { return server_side; });
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

// -- what it is over
// ----------------------------------------------------------------------------

// covers TRN-001, EVT-027
BOOST_AUTO_TEST_CASE(a_transport_tells_what_it_knows_also_after_its_runtime) {
  io::transport over_tcp;
  std::string peer;
  {
    live_stage s;
    auto main = [&]() -> task<void> {
      auto server_side = std::make_shared<scripted>();
      auto server =
          co_await io::create_server("127.0.0.1:0", [server_side] { return server_side; });
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

BOOST_AUTO_TEST_CASE(bytes_stay_what_they_are_while_a_callback_makes_others_read) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream();
    auto [c, d] = memory_stream();
    auto [e, f] = memory_stream();
    co_await d.write("other bytes");
    co_await f.write("yet others.");
    auto inner = std::make_shared<scripted>();
    auto innermost = std::make_shared<scripted>();
    inner->on_data = [&, e = e](std::string_view bytes) {
      io::attach(e, innermost);
      BOOST_TEST(bytes == "other bytes");
    };
    auto outer = std::make_shared<scripted>();
    outer->on_data = [&, c = c](std::string_view bytes) {
      io::attach(c, inner);
      BOOST_TEST(inner->received == "other bytes");  // here and now
      BOOST_TEST(innermost->received == "yet others.");
      BOOST_TEST(bytes == "these bytes");
    };
    io::attach(std::move(a), outer);
    co_await b.write("these bytes");
    co_await until([&] { return !outer->received.empty(); }, "the bytes");
    for (auto* each : {&b, &d, &f}) each->close();
    co_await until([&] { return outer->lost() && inner->lost() && innermost->lost(); }, "the ends");
    outer->on_data = inner->on_data = nullptr;
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
