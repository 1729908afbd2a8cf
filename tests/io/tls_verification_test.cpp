// Who is let in, who is refused, and for which reason.
#include <buskin/io/connection.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/serve.hpp>

#include "io/live_stage.hpp"
#include "io/tls_support.hpp"
#include "support/stage.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <openssl/ssl.h>

#include <cstdlib>
#include <ostream>
#include <string>
#include <utility>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;
using io::tls_error;

/// How the handshake ends on both sides; null: well.
struct outcome {
  std::exception_ptr client;
  std::exception_ptr server;
};

/// A handshake in memory. A client that trusts too much learns of a refusal when it reads.
outcome meet(io::tls_context client, io::tls_options options, io::tls_context server) {
  stage s;
  auto main = [](io::tls_context c, io::tls_options o, io::tls_context sv) -> task<outcome> {
    auto [ours, theirs] = io::memory_stream();
    auto join = [](io::stream wire, io::tls_context context, io::tls_options how) -> task<void> {
      co_await wire.start_tls(std::move(context), std::move(how));
      co_await wire.write("hello");
      co_await wire.read_exactly(5);
    };
    auto [first, second] = co_await gather(failure_of(join(ours, std::move(c), std::move(o))),
                                           failure_of(join(theirs, std::move(sv), {})));
    co_return outcome{first, second};
  };
  return s.run(main(std::move(client), std::move(options), std::move(server)));
}

BOOST_AUTO_TEST_SUITE(tls_verification_)

// -- the name ---------------------------------------------------------------------------------

struct name_case {
  const char* wanted;
  const char* names;  // in the certificate
  bool fits;
};

std::ostream& operator<<(std::ostream& out, const name_case& which) {
  return out << which.wanted << " and " << which.names;
}

const name_case name_cases[] = {
    {"example.org", "DNS:example.org", true},
    {"EXAMPLE.org", "DNS:example.org", true},
    {"example.org.", "DNS:example.org", true},
    {"other.org", "DNS:example.org,DNS:other.org", true},
    {"www.example.org", "DNS:*.example.org", true},
    {"xn--bcher-kva.example", "DNS:xn--bcher-kva.example", true},
    {"127.0.0.1", "IP:127.0.0.1", true},
    {"[::1]", "IP:::1", true},
    {"0:0:0:0:0:0:0:1", "IP:::1", true},
    {"www.example.org", "DNS:example.org", false},
    {"example.org", "DNS:www.example.org", false},
    {"example.org", "DNS:*.example.org", false},
    {"a.b.example.org", "DNS:*.example.org", false},
    {"www.example.org", "DNS:w*.example.org", false},
    {"www.example.org", "DNS:www.*.org", false},
    {"example.org", "DNS:*.org", false},
    {"localhost", "DNS:*", false},
    {"xn--bcher-kva.example", "DNS:xn--*.example", false},
    {"127.0.0.1", "DNS:127.0.0.1", false},
    {"127.0.0.1", "DNS:*.0.0.1", false},
    {"127.0.0.1", "IP:127.0.0.2", false},
    {"example.org", "IP:127.0.0.1", false},
    {"example.org", "email:someone@example.org", false},
};

// covers EVT-013
// X2
BOOST_DATA_TEST_CASE(a_certificate_has_to_be_for_the_host_that_was_asked_for,
                     boost::unit_test::data::make(name_cases), which) {
  tls_world world;
  const auto who = world.issuer.issue("example.org", {.names = which.names});
  const auto ends = meet(world.client(), as_client(which.wanted), world.server(who));
  if (which.fits) {
    BOOST_TEST(!ends.client, describe(ends.client));
    BOOST_TEST(!ends.server);
  } else {
    BOOST_TEST(refused(ends.client, tls_error::wrong_host, {"not for "}));
    BOOST_TEST(refused(ends.server, tls_error::certificate_refused, {"bad certificate"}));
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_host_is_refused_with_the_names_of_both) {
  tls_world world;
  const auto other = world.issuer.issue("other", {.names = "DNS:other.org,IP:10.0.0.1"});
  BOOST_TEST(refused(meet(world.client(), as_client(), world.server(other)).client,
                     tls_error::wrong_host,
                     {"TLS with example.org (a memory stream): its certificate is for other.org, "
                      "10.0.0.1, not for example.org"}));
  // What is only the common name is nobody's.
  const auto nobody = world.issuer.issue("example.org", {});
  BOOST_TEST(refused(meet(world.client(), as_client(), world.server(nobody)).client,
                     tls_error::wrong_host, {"its certificate names no host"}));
}

BOOST_AUTO_TEST_CASE(names_in_a_certificate_cannot_write_to_a_terminal) {
  tls_world world;
  const auto who = world.issuer.issue("x", {.names = "DNS:a\x1b[31mred"});
  BOOST_TEST(refused(meet(world.client(), as_client(), world.server(who)).client,
                     tls_error::wrong_host, {"is for a\\x1b[31mred,"}));
}

std::string name_sent_for(const std::string& wanted) {
  stage s;
  tls_world world;
  const auto who = world.issuer.issue("all", {.names = "DNS:example.org,IP:127.0.0.1,IP:::1"});
  auto main = [&]() -> task<std::string> {
    auto [ours, theirs] = io::memory_stream();
    co_await gather(ours.start_tls(world.client(), as_client(wanted)),
                    theirs.start_tls(world.server(who)));
    co_return theirs.tls()->server_name;
  };
  return s.run(main());
}

// X2
BOOST_AUTO_TEST_CASE(a_host_name_is_sent_to_the_server_and_an_address_is_not) {
  BOOST_TEST(name_sent_for("example.org") == "example.org");
  BOOST_TEST(name_sent_for("example.org.") == "example.org");
  BOOST_TEST(name_sent_for("127.0.0.1") == "");
  BOOST_TEST(name_sent_for("[::1]") == "");
  BOOST_TEST(name_sent_for("") == "");
}

// -- the time, and who vouches ----------------------------------------------------------------

// covers EVT-013
BOOST_AUTO_TEST_CASE(a_certificate_is_refused_before_and_after_its_time) {
  tls_world world;
  const auto old =
      world.issuer.issue("old", {.names = "DNS:example.org", .from = -7200, .until = -3600});
  BOOST_TEST(refused(meet(world.client(), as_client(), world.server(old)).client,
                     tls_error::expired, {"its certificate expired on 20", " UTC"}));
  const auto young =
      world.issuer.issue("young", {.names = "DNS:example.org", .from = 3600, .until = 7200});
  const auto ends = meet(world.client(), as_client(), world.server(young));
  BOOST_TEST(refused(ends.client, tls_error::not_yet_valid,
                     {"its certificate is not valid yet, but from"}));
  BOOST_TEST(refused(ends.server, tls_error::certificate_refused, {"the peer refused"}));
}

// covers TLS-003
BOOST_AUTO_TEST_CASE(a_certificate_that_nobody_trusted_vouches_for_is_refused) {
  tls_world world;
  const auto own = world.issuer.self_signed("example.org", {.names = "DNS:example.org"});
  BOOST_TEST(refused(meet(world.client(), as_client(), world.server(own)).client,
                     tls_error::untrusted, {"its certificate is self-signed"}));
  authority stranger("a stranger");
  const auto strange = stranger.issue("example.org", {.names = "DNS:example.org"});
  const auto ends = meet(world.client(), as_client(), world.server(strange));
  BOOST_TEST(refused(ends.client, tls_error::untrusted, {"CN=a stranger"}));
  BOOST_TEST(refused(ends.server, tls_error::certificate_refused, {"unknown ca"}));
  // Unless it is one of those that are trusted.
  auto knowing = io::tls_context::client().trust(world.issuer.file()).trust(stranger.file());
  BOOST_TEST(!meet(knowing, as_client(), world.server(strange)).client);
}

BOOST_AUTO_TEST_CASE(a_certificate_for_another_use_is_refused) {
  tls_world world;
  const auto who = world.issuer.issue("x", {.names = "DNS:example.org", .usage = "clientAuth"});
  BOOST_TEST(refused(meet(world.client(), as_client(), world.server(who)).client,
                     tls_error::bad_certificate, {"its certificate cannot be used"}));
}

BOOST_AUTO_TEST_CASE(without_trust_the_authorities_of_the_system_are_asked) {
  tls_world world;
  BOOST_TEST(refused(meet(io::tls_context::client(), as_client(), world.server()).client,
                     tls_error::untrusted));
  ::setenv("SSL_CERT_FILE", world.issuer.file().c_str(), 1);
  const auto ends = meet(io::tls_context::client(), as_client(), world.server());
  authority stranger("a stranger");
  const auto no_more =
      meet(io::tls_context::client().trust(stranger.file()), as_client(), world.server());
  ::unsetenv("SSL_CERT_FILE");
  BOOST_TEST(!ends.client, describe(ends.client));
  BOOST_TEST(refused(no_more.client, tls_error::untrusted));
}

BOOST_AUTO_TEST_CASE(only_who_asks_for_no_verification_gets_none) {
  tls_world world;
  const auto own = world.issuer.self_signed("liar", {.names = "DNS:liar.org"});
  stage s;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream();
    co_await secure(ours, io::tls_context::client().insecure_no_verification(), theirs,
                    world.server(own));
    BOOST_TEST(!ours.tls()->verified);
    BOOST_TEST(ours.tls()->peer->subject == "CN=liar");
  };
  s.run(main());
}

// covers BAS-035
BOOST_AUTO_TEST_CASE(an_empty_name_lets_the_certificate_be_for_anybody_who_is_trusted) {
  tls_world world;
  const auto other = world.issuer.issue("other", {.names = "DNS:other.org"});
  BOOST_TEST(!meet(world.client(), as_client(""), world.server(other)).client);
  const auto own = world.issuer.self_signed("liar", {.names = "DNS:liar.org"});
  BOOST_TEST(
      refused(meet(world.client(), as_client(""), world.server(own)).client, tls_error::untrusted));
}

// covers EVT-013
BOOST_AUTO_TEST_CASE(a_client_that_refuses_the_certificate_leaves_nothing_on_the_server) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    int handled = 0;
    std::exception_ptr why;
    auto handler = [&handled](io::connection) -> task<void> {
      ++handled;
      co_return;
    };
    auto server = co_await io::serve(
        "127.0.0.1:0", handler,
        {.tls = world.server(), .on_handshake_failure = [&why](std::exception_ptr e) { why = e; }});
    const std::string where = server.local().to_string();
    auto right = co_await io::connect(where, {.tls = world.client()});
    BOOST_TEST(co_await right.read() == "");
    right.close();
    co_await until([&] { return server.connections() == 0; }, "the client to have gone");
    const auto before = open_descriptors();
    auto wrong = io::connect(where, {.tls = world.client(), .server_name = "other.org"});
    bool told = false;
    try {
      co_await std::move(wrong);
    } catch (const std::system_error& error) {
      told = error.code() == tls_error::wrong_host;
      BOOST_TEST(std::string(error.what()).find("other.org (tcp " + where + ")") !=
                 std::string::npos);
    }
    BOOST_TEST(told);
    co_await until([&] { return server.connections() == 0; }, "the client to have gone");
    co_await until([&] { return open_descriptors() <= before; }, "the sockets to be closed");
    BOOST_TEST(refused(why, tls_error::certificate_refused, {"TLS with tcp 127.0.0.1:"}));
    BOOST_TEST(handled == 1);
    // The server goes on.
    right = co_await io::connect(where, {.tls = world.client()});
    BOOST_TEST(co_await right.read() == "");
    BOOST_TEST(handled == 2);
  };
  s.run(main());
}

// -- clients that have to show one ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_client_needs_a_certificate_where_one_is_required) {
  tls_world world;
  auto server = world.server().trust(world.issuer.file()).require_client_certificate();
  const auto none = meet(world.client(), as_client(), server);
  BOOST_TEST(refused(none.server, tls_error::no_certificate));
  BOOST_TEST(refused(none.client, tls_error::certificate_refused, {"certificate required"}));

  authority stranger("a stranger");
  const auto strange = stranger.issue("Eve", {});
  const auto foreign =
      meet(world.client().certificate(strange.chain, strange.key), as_client(), server);
  BOOST_TEST(refused(foreign.server, tls_error::untrusted, {"CN=a stranger"}));
  BOOST_TEST(refused(foreign.client, tls_error::certificate_refused, {"unknown ca"}));

  const auto ada = world.issuer.issue("Ada", {});
  const auto known = meet(world.client().certificate(ada.chain, ada.key), as_client(), server);
  BOOST_TEST(!known.client, describe(known.client));
  BOOST_TEST(!known.server, describe(known.server));
}

// -- what both have to agree on ---------------------------------------------------------------

/// Speaks what nobody should speak any more.
io::tls_context old_client(const tls_world& world, int version, const char* ciphers) {
  auto context = world.client();
  SSL_CTX* const native = context.native_handle();
  SSL_CTX_set_security_level(native, 0);
  SSL_CTX_set_min_proto_version(native, version);
  SSL_CTX_set_max_proto_version(native, version);
  BOOST_REQUIRE(SSL_CTX_set_cipher_list(native, ciphers) == 1);
  return context;
}

// X3
BOOST_AUTO_TEST_CASE(tls_1_0_and_1_1_are_refused) {
  tls_world world;
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    const auto ends =
        meet(old_client(world, version, "ALL:@SECLEVEL=0"), as_client(), world.server());
    BOOST_TEST(refused(ends.server, tls_error::no_common_version));
    BOOST_TEST(refused(ends.client, tls_error::no_common_version, {"protocol version"}));
  }
}

// X3
BOOST_AUTO_TEST_CASE(anonymous_and_plain_ciphers_and_those_without_forward_secrecy_are_refused) {
  tls_world world;
  for (const char* ciphers : {"aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0", "kRSA", "ECDHE+SHA1"}) {
    const auto ends = meet(old_client(world, TLS1_2_VERSION, ciphers), as_client(), world.server());
    BOOST_TEST(refused(ends.server, tls_error::no_common_cipher));
    BOOST_TEST(refused(ends.client, tls_error::refused, {"handshake failure"}));
  }
}

BOOST_AUTO_TEST_CASE(tls_1_2_is_accepted) {
  tls_world world;
  const auto ends = meet(old_client(world, TLS1_2_VERSION, "DEFAULT"), as_client(), world.server());
  BOOST_TEST(!ends.client, describe(ends.client));
  BOOST_TEST(!ends.server, describe(ends.server));
}

// Part of X8.
BOOST_AUTO_TEST_CASE(a_client_that_offers_other_protocols_only_is_refused) {
  tls_world world;
  const auto ends =
      meet(world.client().alpn({"spdy/1"}), as_client(), world.server().alpn({"h2", "http/1.1"}));
  BOOST_TEST(refused(ends.server, tls_error::no_common_protocol));
  BOOST_TEST(refused(ends.client, tls_error::no_common_protocol, {"no application protocol"}));
  // Who offers none gets none.
  BOOST_TEST(!meet(world.client(), as_client(), world.server().alpn({"h2"})).client);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
