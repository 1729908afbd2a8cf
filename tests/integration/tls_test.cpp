// TLS with somebody else's: the openssl program as client and as server.
#include <buskin/buskin.hpp>

#include "io/live_stage.hpp"
#include "io/tls_support.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;
using io::tls_error;

using strings = std::vector<std::string>;

/// All that a program wrote.
task<std::string> output_of(strings command, std::string input) {
  io::process_options options;
  options.in = io::redirect::pipe();
  options.err = io::redirect::merge();
  strings all{"openssl"};
  all.insert(all.end(), command.begin(), command.end());
  auto program = co_await io::exec(io::argument_vector(all), options);
  co_return *(co_await program.communicate(std::move(input))).out;
}

bool has(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) BOOST_TEST_MESSAGE("no \"" << part << "\" in:\n" << text);
  return found;
}

task<void> answer_one_line(io::connection client) {
  const std::string line = co_await client.read_until("\n");
  co_await client.write("you said " + line);
}

strings client_of(const io::server& server, const tls_world& world, strings more = {}) {
  strings all{"s_client",    "-connect",          server.local().to_string(),
              "-CAfile",     world.issuer.file(), "-verify_return_error",
              "-servername", "example.org",       "-verify_hostname",
              "example.org", "-ign_eof"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

BOOST_AUTO_TEST_SUITE(tls_with_openssl_)

BOOST_AUTO_TEST_CASE(its_client_is_served) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", answer_one_line,
                                     {.tls = world.server().alpn({"h2", "http/1.1"})});
    for (const auto& [option, version] :
         {std::pair("-tls1_3", "TLSv1.3"), std::pair("-tls1_2", "TLSv1.2")}) {
      const auto said =
          co_await output_of(client_of(server, world, {option, "-alpn", "http/1.1,h2"}), "hello\n");
      BOOST_TEST(has(said, "Verification: OK"));
      BOOST_TEST(has(said, std::string("New, ") + version));
      BOOST_TEST(has(said, "ALPN protocol: h2"));
      BOOST_TEST(has(said, "you said hello"));
      // It saw our notice, and not just an end.
      BOOST_TEST(has(said, "closed"));
      BOOST_TEST(said.find("unexpected eof") == std::string::npos);
    }
    co_await until([&] { return server.connections() == 0; }, "the clients to have gone");
  };
  s.run(main());
}

// X3
BOOST_AUTO_TEST_CASE(its_client_is_refused_with_an_old_version_and_with_a_bad_cipher) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    std::vector<std::exception_ptr> reasons;
    auto server = co_await io::serve(
        "127.0.0.1:0", answer_one_line,
        {.tls = world.server(), .on_handshake_failure = [&](auto why) { reasons.push_back(why); }});
    const auto refused_with = [&](strings options) -> task<std::exception_ptr> {
      reasons.clear();
      const auto said = co_await output_of(client_of(server, world, options), "hello\n");
      BOOST_TEST(has(said, "alert"));
      BOOST_TEST(said.find("you said") == std::string::npos);
      co_await until([&] { return !reasons.empty(); }, "the server to know");
      co_return reasons.front();
    };
    for (const char* version : {"-tls1", "-tls1_1"})
      BOOST_TEST(refused(co_await refused_with({version, "-cipher", "ALL:@SECLEVEL=0"}),
                         tls_error::no_common_version));
    for (const char* cipher : {"aNULL:@SECLEVEL=0", "NULL:@SECLEVEL=0", "AES128-SHA"})
      BOOST_TEST(refused(co_await refused_with({"-tls1_2", "-cipher", cipher}),
                         tls_error::no_common_cipher));
    BOOST_TEST(has(co_await output_of(client_of(server, world), "canary\n"), "you said canary"));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(its_client_has_to_show_a_certificate_where_one_is_required) {
  live_stage s;
  tls_world world;
  const auto ada = world.issuer.issue("Ada", {});
  auto main = [&]() -> task<void> {
    auto handler = [](io::connection client) -> task<void> {
      co_await client.read_until("\n");
      co_await client.write("you are " + client.tls()->peer->subject);
    };
    auto server = co_await io::serve(
        "127.0.0.1:0", handler,
        {.tls = world.server().trust(world.issuer.file()).require_client_certificate()});
    const auto known = co_await output_of(
        client_of(server, world, {"-cert", ada.chain, "-key", ada.key}), "hello\n");
    BOOST_TEST(has(known, "you are CN=Ada"));
    const auto unknown = co_await output_of(client_of(server, world), "hello\n");
    BOOST_TEST(has(unknown, "certificate required"));
  };
  s.run(main());
}

// X8
BOOST_AUTO_TEST_CASE(a_session_is_resumed_with_the_same_server_and_with_no_other) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto handler = [](io::connection client) -> task<void> {
      const std::string line = co_await client.read_until("\n");
      co_await client.write("you asked " + client.tls()->server_name + " and said " + line);
    };
    auto server = co_await io::serve("127.0.0.1:0", handler, {.tls = world.server()});
    auto other = co_await io::serve("127.0.0.1:0", answer_one_line, {.tls = world.server()});
    const std::string ticket = world.issuer.folder() / "ticket";
    for (const char* version : {"-tls1_3", "-tls1_2"}) {
      const auto first =
          co_await output_of(client_of(server, world, {version, "-sess_out", ticket}), "hello\n");
      BOOST_TEST(has(first, "New, TLSv1."));
      const auto second =
          co_await output_of(client_of(server, world, {version, "-sess_in", ticket}), "hello\n");
      BOOST_TEST(has(second, "Reused, TLSv1."));
      BOOST_TEST(has(second, "you asked example.org and said hello"));
      const auto third =
          co_await output_of(client_of(other, world, {version, "-sess_in", ticket}), "hello\n");
      BOOST_TEST(has(third, "New, TLSv1."));
      BOOST_TEST(has(third, "you said hello"));
      // Under another name it is another identity, whoever answers.
      const auto renamed =
          co_await output_of({"s_client", "-connect", server.local().to_string(), version,
                              "-servername", "other.org", "-sess_in", ticket, "-ign_eof"},
                             "hello\n");
      BOOST_TEST(has(renamed, "New, TLSv1."));
      BOOST_TEST(has(renamed, "you asked other.org and said hello"));
    }
  };
  s.run(main());
}

// X6
BOOST_AUTO_TEST_CASE(the_keys_are_changed_as_often_as_its_client_wants) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto handler = [](io::connection client) -> task<void> {
      for (;;) {
        co_await client.read_until("\n");
        co_await client.write("heard\n");
      }
    };
    auto server = co_await io::serve("127.0.0.1:0", handler, {.tls = world.server()});
    io::process_options options;
    options.in = io::redirect::pipe();
    options.err = io::redirect::merge();
    strings command{"openssl"};
    for (auto& each : client_of(server, world, {"-tls1_3"}))
      if (each != "-ign_eof") command.push_back(std::move(each));  // which takes no commands
    auto program = co_await io::exec(io::argument_vector(command), options);
    auto in = program.in();
    auto out = program.out();
    for (int i = 0; i != 3; ++i) {
      co_await in.write("K\n");  // new keys, and the server's as well
      co_await out.read_until("KEYUPDATE\n", 1'000'000);
      co_await in.write("hello\n");
      co_await out.read_until("heard\n", 1'000'000);
    }
    co_await program.stop();
    co_await until([&] { return server.connections() == 0; }, "the client to have gone");
  };
  s.run(main());
}

// X6
BOOST_AUTO_TEST_CASE(a_client_that_wants_to_renegotiate_is_refused_and_harms_nobody) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", answer_one_line, {.tls = world.server()});
    strings command;
    for (auto& each : client_of(server, world, {"-tls1_2"}))
      if (each != "-ign_eof") command.push_back(std::move(each));  // which takes no commands
    const auto said = co_await output_of(command, "R\nhello\n");
    BOOST_TEST(has(said, "RENEGOTIATING"));
    BOOST_TEST(has(said, "no renegotiation"));
    BOOST_TEST(has(co_await output_of(client_of(server, world), "canary\n"), "you said canary"));
    co_await until([&] { return server.connections() == 0; }, "the clients to have gone");
  };
  s.run(main());
}

/// A server of the openssl program, which answers each line with its letters reversed.
struct foreign_server {
  io::process program;
  std::string where;

  static task<foreign_server> start(identity who, strings more = {}) {
    strings all{"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                who.chain, "-key",     who.key,   "-rev"};
    all.insert(all.end(), more.begin(), more.end());
    auto program = co_await io::exec(io::argument_vector(all));
    auto out = program.out();
    for (;;) {
      const std::string line = co_await out.read_until("\n");
      if (line.starts_with("ACCEPT "))
        co_return foreign_server{program, line.substr(7, line.size() - 8)};
    }
  }
};

BOOST_AUTO_TEST_CASE(its_server_is_talked_to) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    for (const char* version : {"-tls1_3", "-tls1_2"}) {
      auto server = co_await foreign_server::start(world.host, {version, "-alpn", "h2"});
      auto client = co_await io::connect(
          server.where, {.tls = world.client().alpn({"h2"}), .server_name = "example.org"});
      BOOST_TEST(client.tls()->alpn == "h2");
      co_await client.write("live\n");
      BOOST_TEST(co_await client.read_until("\n") == "evil\n");
      client.close();
      co_await server.program.stop();
    }
  };
  s.run(main());
}

task<void> connect_to(std::string where, io::tls_context context) {
  auto made = co_await io::connect(where, {.tls = context, .server_name = "example.org"});
  co_await made.write("live\n");
  co_await made.read_until("\n");
}

BOOST_AUTO_TEST_CASE(its_server_is_refused_for_the_reason_there_is) {
  live_stage s;
  tls_world world;
  authority stranger("a stranger");
  struct bad_server {
    identity who;
    tls_error code;
    const char* words;
  };
  const std::vector<bad_server> all{
      {world.issuer.issue("other", {.names = "DNS:other.org"}), tls_error::wrong_host,
       "its certificate is for other.org, not for example.org"},
      {world.issuer.issue("old", {.names = "DNS:example.org", .from = -7200, .until = -3600}),
       tls_error::expired, "its certificate expired on 20"},
      {world.issuer.self_signed("self", {.names = "DNS:example.org"}), tls_error::untrusted,
       "its certificate is self-signed"},
      {stranger.issue("strange", {.names = "DNS:example.org"}), tls_error::untrusted,
       "CN=a stranger"}};
  auto main = [&]() -> task<void> {
    for (const auto& each : all) {
      auto server = co_await foreign_server::start(each.who);
      BOOST_TEST(refused(co_await failure_of(connect_to(server.where, world.client())), each.code,
                         {"TLS with example.org (tcp 127.0.0.1:", each.words}));
      co_await server.program.stop();
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(its_server_that_wants_a_certificate_gets_one_or_says_so) {
  live_stage s;
  tls_world world;
  const auto ada = world.issuer.issue("Ada", {});
  auto main = [&]() -> task<void> {
    auto server = co_await foreign_server::start(
        world.host, {"-Verify", "2", "-CAfile", world.issuer.file(), "-verify_return_error"});
    auto known = world.client().certificate(ada.chain, ada.key);
    BOOST_TEST(!(co_await failure_of(connect_to(server.where, known))));
    BOOST_TEST(refused(co_await failure_of(connect_to(server.where, world.client())),
                       tls_error::certificate_refused, {"certificate required"}));
    co_await server.program.stop();
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
