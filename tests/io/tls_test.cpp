// TLS conversations: over TCP from the first byte on, and in mid-stream.
#include <buskin/io/connection.hpp>
#include <buskin/io/detail/socket_options.hpp>
#include <buskin/io/framed.hpp>
#include <buskin/io/line_codec.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/tls_support.hpp"
#include "support/stage.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>

#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

task<void> echo_all(io::connection client) {
  for (;;) {
    const std::string bytes = co_await client.read();
    if (bytes.empty()) co_return;
    co_await client.write(bytes);
  }
}

BOOST_AUTO_TEST_SUITE(tls_)

task<void> answer_one_line(io::connection client) {
  const std::string line = co_await client.read_until("\n");
  co_await client.write("you said " + line + "and that is all");
}

// covers STR-002
BOOST_AUTO_TEST_CASE(a_request_is_answered_over_tls_to_the_end_of_the_stream) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", answer_one_line, {.tls = world.server()});
    auto client = co_await io::connect(server.local().to_string(), {.tls = world.client()});
    co_await client.write("hello\n");
    std::string all;
    for (;;) {
      const std::string some = co_await client.read();
      if (some.empty()) break;
      all += some;
    }
    BOOST_TEST(all == "you said hello\nand that is all");
    client.close();
    co_await until([&] { return server.connections() == 0; }, "the client to have gone");
  };
  s.run(main());
}

// covers EVT-012
BOOST_AUTO_TEST_CASE(each_side_sees_what_was_agreed_on_and_who_the_other_is) {
  live_stage s;
  tls_world world;
  const auto ada = world.issuer.issue("Ada", {.names = "DNS:ada.example.org"});
  auto main = [&]() -> task<void> {
    std::optional<io::tls_session> seen;
    auto handler = [&seen](io::connection client) -> task<void> {
      seen = client.tls();
      co_await client.write("hello");
    };
    auto server = co_await io::serve("127.0.0.1:0", handler,
                                     {.tls = world.server()
                                                 .trust(world.issuer.file())
                                                 .require_client_certificate()
                                                 .alpn({"h2", "http/1.1"})});
    auto client = co_await io::connect(
        server.local().to_string(),
        {.tls = world.client().certificate(ada.chain, ada.key).alpn({"http/1.1", "h2"}),
         .server_name = "example.org"});
    BOOST_TEST(co_await client.read() == "hello");
    const auto session = client.tls();
    BOOST_REQUIRE(session.has_value());
    BOOST_TEST(session->version == "TLSv1.3");
    BOOST_TEST(session->cipher.starts_with("TLS_"), session->cipher);
    BOOST_TEST(session->alpn == "h2");  // the server's order
    BOOST_TEST(session->server_name == "example.org");
    BOOST_TEST(session->verified);
    BOOST_TEST(!session->resumed);
    BOOST_REQUIRE(session->peer.has_value());
    BOOST_TEST(session->peer->subject == "CN=example.org");
    BOOST_TEST(session->peer->issuer == "CN=the test's authority");
    BOOST_TEST(session->peer->names == (std::vector<std::string>{"example.org", "127.0.0.1"}),
               boost::test_tools::per_element());
    BOOST_TEST(session->peer->fingerprint.size() == 64U);
    const auto now = std::chrono::system_clock::now();
    BOOST_TEST((session->peer->not_before < now && now < session->peer->not_after));

    BOOST_REQUIRE(seen.has_value());
    BOOST_TEST(seen->alpn == "h2");
    BOOST_TEST(seen->server_name == "example.org");
    BOOST_TEST(seen->verified);
    BOOST_REQUIRE(seen->peer.has_value());
    BOOST_TEST(seen->peer->subject == "CN=Ada");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_server_that_asks_for_no_certificate_sees_none) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream();
    co_await secure(ours, world.client(), theirs, world.server());
    BOOST_TEST(!theirs.tls()->peer.has_value());
    BOOST_TEST(!theirs.tls()->verified);
  };
  s.run(main());
}

// covers EVT-012
BOOST_AUTO_TEST_CASE(tls_is_the_same_over_a_unix_socket) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    int ends[2];
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    auto& home = *io::detail::here.worker;
    auto ours = io::detail::make_connection(home, io::detail::unique_descriptor(ends[0]));
    auto theirs = io::detail::make_connection(home, io::detail::unique_descriptor(ends[1]));
    co_await secure(ours, world.client(), theirs, world.server());
    co_await ours.write("over there");
    BOOST_TEST(co_await theirs.read_exactly(10) == "over there");
    co_await theirs.write("and back");
    theirs.close();
    BOOST_TEST(co_await ours.read_exactly(8) == "and back");
    BOOST_TEST(co_await ours.read() == "");
    ours.close();
  };
  s.run(main());
}

task<bool> large_message(std::string where, io::tls_context context, char letter) {
  auto server = co_await io::connect(where, {.tls = context});
  const std::string message(300'000, letter);
  auto write = [](io::connection to, std::string what) -> task<void> {
    co_await to.write(what);
    to.write_eof();
  };
  auto read = [](io::connection from) -> task<std::string> {
    std::string all;
    for (;;) {
      const std::string some = co_await from.read();
      if (some.empty()) co_return all;
      all += some;
    }
  };
  auto answer = std::get<1>(co_await gather(write(server, message), read(server)));
  co_return answer == message;
}

void many_clients(unsigned workers) {
  live_stage s(runtime_options{.workers = workers});
  tls_world world;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", echo_all, {.tls = world.server()});
    std::vector<task<bool>> clients;
    const auto context = world.client();
    for (int i = 0; i != 30; ++i)
      clients.push_back(
          large_message(server.local().to_string(), context, static_cast<char>('a' + i % 26)));
    for (const bool complete : co_await gather(std::move(clients))) BOOST_TEST(complete);
    co_await until([&] { return server.connections() == 0; }, "all clients to have gone");
  };
  s.run(main());
}

// covers TLS-001
BOOST_AUTO_TEST_CASE(many_clients_exchange_large_messages_completely) { many_clients(1); }
// covers TLS-001
BOOST_AUTO_TEST_CASE(many_clients_exchange_large_messages_with_three_workers) { many_clients(3); }

// -- in mid-stream ----------------------------------------------------------------------------

// covers STR-041
BOOST_DATA_TEST_CASE(an_open_stream_becomes_a_tls_stream_on_both_sides,
                     boost::unit_test::data::make({transport::memory, transport::tcp}), how) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = co_await make_pair(how);
    co_await ours.write("STARTTLS\n");
    BOOST_TEST(co_await theirs.read_until("\n") == "STARTTLS\n");
    co_await theirs.write("go ahead\n");
    BOOST_TEST(co_await ours.read_until("\n") == "go ahead\n");
    BOOST_TEST(!ours.tls().has_value());
    BOOST_TEST(!theirs.tls().has_value());
    co_await secure(ours, world.client(), theirs, world.server());
    BOOST_TEST(ours.tls().has_value());
    BOOST_TEST(theirs.tls().has_value());
    io::framed<io::line_codec> lines(ours);
    co_await theirs.write("secret\n");
    BOOST_TEST((co_await lines.next()).value() == "secret");
    co_await lines.write("answer");
    BOOST_TEST(co_await theirs.read_until("\n") == "answer\n");
  };
  s.run(main());
}

/// Says what it has to say and begins at once, without waiting for the permission.
task<void> hasty_client(io::stream wire, io::tls_context context) {
  co_await wire.write("STARTTLS\n");
  co_await wire.start_tls(std::move(context), as_client());
  co_await wire.write("done");
}

// covers STR-042
BOOST_DATA_TEST_CASE(bytes_of_the_handshake_that_were_read_already_belong_to_it,
                     boost::unit_test::data::make({transport::memory, transport::tcp}), how) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = co_await make_pair(how);
    auto client = spawn(hasty_client(ours, world.client()));
    co_await sleep(20ms);  // so that both have come when it reads
    BOOST_TEST(co_await theirs.read_until("\n") == "STARTTLS\n");
    co_await theirs.start_tls(world.server());
    BOOST_TEST(co_await theirs.read_exactly(4) == "done");
    co_await client;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_is_written_during_the_handshake_goes_out_encrypted_after_it) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream();
    auto handshake = spawn(ours.start_tls(world.client(), as_client()));
    co_await yield();
    co_await ours.write("early");
    BOOST_TEST(ours.unsent() == 5U);
    co_await theirs.start_tls(world.server());
    BOOST_TEST(co_await theirs.read_exactly(5) == "early");
    co_await handshake;
    BOOST_TEST(ours.unsent() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(tls_runs_within_tls) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream(512);  // a record needs several trips
    co_await secure(ours, world.client(), theirs, world.server());
    co_await secure(ours, world.client(), theirs, world.server());
    const std::string bulk(100'000, 'n');
    auto send = spawn([](io::stream to, std::string what) -> task<void> {
      co_await to.write(what);
      to.close();
    }(ours, bulk));
    BOOST_TEST((co_await theirs.read_exactly(bulk.size()) == bulk));
    BOOST_TEST(co_await theirs.read() == "");
    co_await send;
    theirs.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_slow_and_narrow_wire_loses_nothing) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream(7);
    co_await secure(ours, world.client(), theirs, world.server());
    std::string bulk;
    for (int i = 0; i != 5'000; ++i) bulk += std::to_string(i) + ' ';
    auto send = spawn([](io::stream to, std::string what) -> task<void> {
      co_await to.write(what);
      co_await to.drain();
    }(ours, bulk));
    std::string got;
    while (got.size() != bulk.size()) {
      got += co_await theirs.read(100);
      co_await sleep(1ms);
    }
    BOOST_TEST((got == bulk));
    co_await send;
    BOOST_TEST(ours.unsent() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
