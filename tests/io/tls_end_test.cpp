// How TLS streams end: well, too early, too late, and by violence.
#include <buskin/actors/timeout.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/tls_support.hpp"
#include "support/stage.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;
using io::tls_error;

task<std::string> read_all(io::stream from) {
  std::string all;
  for (;;) {
    const std::string some = co_await from.read();
    if (some.empty()) co_return all;
    all += some;
  }
}

/// How many handles there are to the context's settings: one for each context, one for each stream.
long users(const io::tls_context& context) { return context.settings().use_count(); }

BOOST_AUTO_TEST_SUITE(tls_end_)

// -- the end of a conversation ----------------------------------------------------------------

// covers TLS-007
BOOST_DATA_TEST_CASE(all_that_was_written_comes_before_the_end,
                     boost::unit_test::data::make({transport::memory, transport::tcp}), how) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = co_await secure_pair(world, how);
    const std::string bulk(3'000'000, 'b');
    ours.set_high_water(2 * bulk.size());  // it does not wait
    co_await ours.write(bulk);
    ours.close();
    BOOST_TEST(ours.unsent() != 0U);
    BOOST_TEST((co_await read_all(theirs) == bulk));
    BOOST_TEST(co_await theirs.read() == "");
    theirs.close();
  };
  s.run(main());
}

// covers TLS-008
BOOST_AUTO_TEST_CASE(what_is_queued_when_the_peer_closes_is_still_sent_to_it) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream(100);
    co_await secure(ours, world.client(), theirs, world.server());
    const std::string bulk(50'000, 'q');
    ours.set_high_water(2 * bulk.size());
    co_await ours.write(bulk);
    theirs.write_eof();
    BOOST_TEST(co_await ours.read() == "");
    BOOST_TEST(ours.unsent() != 0U);
    ours.close();
    std::string got;
    while (got.size() != bulk.size()) {
      got += co_await theirs.read(1000);
      co_await sleep(1ms);
    }
    BOOST_TEST((got == bulk));
    BOOST_TEST(co_await theirs.read() == "");
    theirs.close();
  };
  s.run(main());
}

// covers TLS-010
BOOST_AUTO_TEST_CASE(bytes_that_nobody_read_before_the_end_came_are_read_before_the_end) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = co_await secure_pair(world, transport::tcp);
    co_await theirs.write("one\ntwo\n");
    theirs.close();
    BOOST_TEST(co_await ours.read_until("\n") == "one\n");
    co_await sleep(20ms);
    BOOST_TEST(co_await ours.read_until("\n") == "two\n");
    BOOST_TEST(co_await ours.read() == "");
    ours.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(one_direction_ends_and_the_other_goes_on) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = co_await secure_pair(world);
    co_await ours.write("a question");
    ours.write_eof();
    BOOST_TEST(co_await read_all(theirs) == "a question");
    co_await theirs.write("an answer");
    theirs.close();
    BOOST_TEST(co_await read_all(ours) == "an answer");
    ours.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(after_its_close_a_stream_drops_what_comes_and_takes_nothing) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = co_await secure_pair(world);
    ours.close();
    co_await theirs.write("too late");
    BOOST_TEST((code_of(co_await failure_of([](io::stream to) -> task<void> {
                  co_await to.write("too late as well");
                }(ours))) == std::errc::not_connected));
    BOOST_TEST(co_await theirs.read() == "");
    theirs.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_peer_that_says_no_leave_is_left_after_the_shutdown_timeout) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = co_await make_pair(transport::tcp);
    co_await gather(
        ours.start_tls(world.client(), {.server_name = "example.org", .shutdown_timeout = 50ms}),
        theirs.start_tls(world.server()));
    const auto began = std::chrono::steady_clock::now();
    ours.close();
    BOOST_TEST(ours.descriptor() >= 0);
    co_await until([&] { return ours.descriptor() < 0; }, "the descriptor to be closed");
    BOOST_TEST((std::chrono::steady_clock::now() - began >= 50ms));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_runtimes_shutdown_waits_for_no_leave) {
  tls_world world;
  const auto began = std::chrono::steady_clock::now();
  {
    stage s;
    auto [ours, theirs] = s.run(make_pair(transport::memory));
    s.run(secure(ours, world.client(), theirs, world.server()));
    s.run([](io::stream to) -> task<void> {
      co_await to.write("the rest");
      to.close();
    }(ours));
  }
  BOOST_TEST((std::chrono::steady_clock::now() - began < 5s));
}

// -- an end without notice --------------------------------------------------------------------

BOOST_DATA_TEST_CASE(a_connection_that_just_ends_may_have_been_cut,
                     boost::unit_test::data::make({transport::memory, transport::tcp}), how) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = co_await secure_pair(world, how);
    co_await theirs.write("half of it");
    BOOST_TEST(co_await ours.read_exactly(4) == "half");
    theirs.abort();
    auto read = [](io::stream from) -> task<void> { co_await from.read_exactly(7); };
    for (int i = 0; i != 2; ++i)
      BOOST_TEST(refused(co_await failure_of(read(ours)), tls_error::truncated,
                         {"the connection ended without TLS's notice"}));
    // What had come is still there, for a look at it.
    BOOST_TEST(ours.buffered() == " of it");
    BOOST_TEST(refused(
        co_await failure_of([](io::stream from) -> task<void> { co_await from.read(); }(ours)),
        tls_error::truncated));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(whoever_allows_truncation_sees_the_end_of_the_stream) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream();
    co_await secure(ours, world.client().allow_truncation(), theirs, world.server());
    co_await theirs.write("all of it");
    theirs.abort();
    BOOST_TEST(co_await read_all(ours) == "all of it");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_client_that_just_goes_is_nobodys_fault) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto handler = [](io::connection client) -> task<void> { co_await client.read_until("\n"); };
    auto server = co_await io::serve("127.0.0.1:0", handler, {.tls = world.server()});
    auto client = co_await io::connect(server.local().to_string(), {.tls = world.client()});
    co_await client.write("half a line");
    client.abort();
    co_await until([&] { return server.connections() == 0; }, "the client to have gone");
  };
  s.run(main());
  BOOST_TEST(s.incidents() == 0U);
}

// covers TLP-003
BOOST_AUTO_TEST_CASE(a_peer_that_is_gone_fails_the_next_write_and_drain) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream(1000);
    co_await secure(ours, world.client(), theirs, world.server());
    ours.set_high_water(100'000);
    co_await ours.write(std::string(50'000, 'w'));
    theirs.abort();
    auto write = [](io::stream to) -> task<void> { co_await to.write("more"); };
    auto drain = [](io::stream to) -> task<void> { co_await to.drain(); };
    BOOST_TEST((code_of(co_await failure_of(drain(ours))) == std::errc::broken_pipe));
    BOOST_TEST((code_of(co_await failure_of(write(ours))) == std::errc::broken_pipe));
  };
  s.run(main());
}

/// Carries bytes from one to the other and changes one of them.
task<void> carry(io::stream from, io::stream to, std::size_t victim) {
  for (std::size_t position = 0;;) {
    std::string bytes = co_await from.read();
    if (bytes.empty()) break;
    if (victim >= position && victim - position < bytes.size())
      bytes[victim - position] = static_cast<char>(bytes[victim - position] ^ 1);
    position += bytes.size();
    co_await to.write(bytes);
  }
  to.write_eof();
}

// covers TLP-007
BOOST_AUTO_TEST_CASE(a_changed_byte_ends_the_stream_for_both) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, near_end] = io::memory_stream();
    auto [far_end, theirs] = io::memory_stream();
    constexpr std::size_t never = static_cast<std::size_t>(-1);
    auto back = spawn(carry(far_end, near_end, never));
    constexpr std::size_t late = 5'000;  // behind the handshake
    auto there = spawn(carry(near_end, far_end, late));
    co_await secure(ours, world.client(), theirs, world.server());
    co_await ours.write(std::string(10'000, 'c'));
    auto read = [](io::stream from) -> task<void> { co_await from.read_exactly(10'000); };
    BOOST_TEST(refused(co_await failure_of(read(theirs)), tls_error::corrupted));
    BOOST_TEST(refused(co_await failure_of(read(ours)), tls_error::corrupted,
                       {"the peer refused: bad record mac"}));
    theirs.close();
    ours.close();
    co_await there;
    co_await back;
  };
  s.run(main());
}

// -- ends of the handshake --------------------------------------------------------------------

// covers TLP-002
BOOST_DATA_TEST_CASE(an_end_during_the_handshake_fails_who_waits_for_it,
                     boost::unit_test::data::make({transport::memory, transport::tcp}), how) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = co_await make_pair(how);
    auto handshake = spawn(failure_of(ours.start_tls(world.client(), as_client())));
    co_await theirs.read();
    theirs.close();
    const auto failure = co_await handshake;
    BOOST_TEST((code_of(failure) == std::errc::connection_reset));
    BOOST_TEST(mentions(failure, "TLS with example.org ("));
    BOOST_TEST(ours.closed());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_peer_that_speaks_something_else_is_told_apart) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    for (const char* said : {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n"}) {
      auto [ours, theirs] = io::memory_stream();
      co_await theirs.write(said);
      BOOST_TEST(refused(co_await failure_of(ours.start_tls(world.client(), as_client())),
                         tls_error::not_tls));
    }
    auto [ours, theirs] = io::memory_stream();
    co_await theirs.write("GET / HTTP/1.1\r\n\r\n");
    BOOST_TEST(refused(co_await failure_of(ours.start_tls(world.server())), tls_error::not_tls,
                       {"http request"}));
  };
  s.run(main());
}

// covers TLP-007
BOOST_AUTO_TEST_CASE(a_handshake_over_its_limit_ends_the_stream) {
  stage s;
  tls_world world;
  const auto context = world.client();
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream();
    const auto began = s.runtime.now();
    const auto failure = co_await failure_of(ours.start_tls(context, as_client()));
    BOOST_TEST((s.runtime.now() - began == 60s));
    BOOST_TEST(mentions(failure,
                        "the TLS handshake with example.org (a memory stream) took longer than "
                        "60 s"));
    BOOST_TEST(ours.closed());
    BOOST_TEST((co_await read_all(theirs)).size() > 100U);  // the hello, and the end
  };
  s.run(main());
  BOOST_TEST(users(context) == 1);
}

// covers TLS-004, TLP-007, TLS-009
BOOST_AUTO_TEST_CASE(a_client_that_gives_up_closes_its_socket_and_nobody_is_told) {
  live_stage s;
  tls_world world;
  const auto context = world.client();
  const auto server_context = world.server();
  auto main = [&]() -> task<void> {
    // One that never answers.
    auto handler = [](io::connection client) -> task<void> {
      while (!(co_await client.read()).empty()) {
      }
    };
    auto silent = co_await io::serve("127.0.0.1:0", handler);
    auto attempt = spawn(io::connect(silent.local().to_string(), {.tls = context}));
    co_await until([&] { return silent.connections() == 1; }, "the client to be there");
    attempt.cancel();
    co_await until([&] { return silent.connections() == 0; }, "the socket to be closed");
    BOOST_CHECK_THROW(co_await attempt, cancelled);
    BOOST_TEST(users(context) == 1);

    // And one that waits for an answer.
    auto server = co_await io::serve("127.0.0.1:0", handler, {.tls = server_context});
    auto client = co_await io::connect(server.local().to_string());
    co_await until([&] { return server.connections() == 1; }, "the client to be there");
    client.close();
    co_await until([&] { return server.connections() == 0; }, "the server to let it go");
    server.close();
    co_await until([&] { return server.closed(); }, "the server to have closed");
  };
  s.run(main());
  BOOST_TEST(s.incidents() == 0U);
}

// covers TLS-009
BOOST_AUTO_TEST_CASE(nothing_is_left_of_connections_that_ended) {
  live_stage s;
  tls_world world;
  const auto context = world.client();
  auto main = [&]() -> task<void> {
    auto handler = [](io::connection client) -> task<void> {
      co_await client.write(co_await client.read());
    };
    auto server = co_await io::serve("127.0.0.1:0", handler, {.tls = world.server()});
    for (int i = 0; i != 20; ++i) {
      auto client = co_await io::connect(server.local().to_string(), {.tls = context});
      co_await client.write("hello");
      BOOST_TEST(co_await client.read() == "hello");
      if (i % 2 == 0) client.close();
      if (i % 3 == 0) client.abort();
    }
    co_await until([&] { return server.connections() == 0 && users(context) == 1; },
                   "all to be gone");
  };
  s.run(main());
}

// covers TLP-004
BOOST_AUTO_TEST_CASE(a_close_during_the_handshake_ends_it_at_once_also_within_tls) {
  stage s;
  tls_world world;
  const auto began = s.runtime.now();
  for (const bool nested : {false, true}) {
    auto main = [&]() -> task<void> {
      auto [ours, theirs] = io::memory_stream();
      if (nested) co_await secure(ours, world.client(), theirs, world.server());
      auto handshake = spawn(failure_of(ours.start_tls(world.client(), as_client())));
      co_await yield();
      ours.close();
      BOOST_TEST((code_of(co_await handshake) == std::errc::operation_canceled));
      theirs.close();
    };
    s.run(main());
  }
  BOOST_TEST((s.runtime.now() == began));
}

BOOST_AUTO_TEST_CASE(tls_does_not_begin_while_another_task_reads) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream();
    auto reader =
        spawn([](io::stream from) -> task<std::string> { co_return co_await from.read(); }(ours));
    co_await yield();
    BOOST_TEST(mentions(co_await failure_of(ours.start_tls(world.client(), as_client())),
                        "TLS can begin when that is over"));
    co_await theirs.write("plain");
    BOOST_TEST(co_await reader == "plain");
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
