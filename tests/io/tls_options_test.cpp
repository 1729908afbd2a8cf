// Options and files that do not fit are refused before anything happens.
#include <buskin/io/connection.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/tls_support.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

template <class Error>
bool refuses(const std::function<void()>& action, const std::string& text) {
  try {
    action();
  } catch (const Error& error) {
    const bool said = std::string(error.what()).find(text) != std::string::npos;
    if (!said) BOOST_TEST_MESSAGE("it says: " << error.what());
    return said;
  }
  return false;
}

/// The connection cannot even be tried: nobody listens there.
bool connect_refuses(std::string where, io::connect_options options, const std::string& text) {
  stage s;
  return refuses<std::invalid_argument>(
      [&] { s.run(io::connect(std::move(where), std::move(options))); }, text);
}

bool serve_refuses(io::serve_options options, const std::string& text) {
  stage s;
  auto handler = [](io::connection) -> task<void> { co_return; };
  return refuses<std::invalid_argument>(
      [&] { s.run(io::serve("127.0.0.1:0", handler, std::move(options))); }, text);
}

BOOST_AUTO_TEST_SUITE(tls_options_)

// covers BAS-035, EVT-012
BOOST_AUTO_TEST_CASE(options_of_tls_without_tls_are_refused) {
  const std::string why = "options of TLS were given for a";
  BOOST_TEST(connect_refuses("127.0.0.1:1", {.server_name = "example.org"}, why));
  BOOST_TEST(connect_refuses("127.0.0.1:1", {.server_name = ""}, why));
  BOOST_TEST(connect_refuses("127.0.0.1:1", {.handshake_timeout = 1s}, why));
  BOOST_TEST(connect_refuses("127.0.0.1:1", {.shutdown_timeout = 1s}, why));
  BOOST_TEST(serve_refuses({.handshake_timeout = 1s}, why));
  BOOST_TEST(serve_refuses({.shutdown_timeout = 1s}, why));
  BOOST_TEST(serve_refuses({.on_handshake_failure = [](std::exception_ptr) {}}, why));
}

// covers TLP-007
BOOST_AUTO_TEST_CASE(a_context_of_the_other_side_is_refused) {
  tls_world world;
  BOOST_TEST(
      connect_refuses("127.0.0.1:1", {.tls = world.server()}, "for clients, not for servers"));
  BOOST_TEST(serve_refuses({.tls = world.client()}, "for servers, not for clients"));
  BOOST_TEST(refuses<std::invalid_argument>([&] { world.client().require_client_certificate(); },
                                            "has no clients"));
  BOOST_TEST(refuses<std::invalid_argument>([&] { world.server().insecure_no_verification(); },
                                            "only if it is told to"));
}

// covers BAS-035
BOOST_AUTO_TEST_CASE(the_name_defaults_to_the_host_and_can_be_another) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    std::string asked = "nobody";
    auto handler = [&asked](io::connection client) -> task<void> {
      asked = client.tls()->server_name;
      co_return;
    };
    const auto both =
        world.issuer.issue("both", {.names = "DNS:localhost,DNS:example.org,IP:127.0.0.1"});
    auto server = co_await io::serve("127.0.0.1:0", handler, {.tls = world.server(both)});
    auto ask = [&](std::string where, std::optional<std::string> name) -> task<std::string> {
      auto client = co_await io::connect(std::move(where),
                                         {.tls = world.client(), .server_name = std::move(name)});
      BOOST_TEST(co_await client.read() == "");
      co_return asked;
    };
    const std::string port = std::to_string(server.port());
    BOOST_TEST(co_await ask("localhost:" + port, {}) == "localhost");
    BOOST_TEST(co_await ask("127.0.0.1:" + port, {}) == "");  // checked, but not sent
    BOOST_TEST(co_await ask("127.0.0.1:" + port, "example.org") == "example.org");
    BOOST_TEST(co_await ask("localhost:" + port, "") == "");
  };
  s.run(main());
}

// covers BAS-035
BOOST_AUTO_TEST_CASE(without_a_host_a_name_is_needed) {
  tls_world world;
  BOOST_TEST(connect_refuses(":1", {.tls = world.client()}, "set server_name"));
  stage s;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream();
    BOOST_TEST(mentions(co_await failure_of(ours.start_tls(world.client())), "set server_name"));
    BOOST_TEST(mentions(co_await failure_of(ours.start_tls(world.server(), as_client())),
                        "server_name is for TLS clients"));
    // Nothing has happened to the stream.
    co_await ours.write("plain");
    BOOST_TEST(co_await theirs.read() == "plain");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(names_that_no_certificate_can_have_are_refused) {
  tls_world world;
  const auto refused = [&](std::string name, const std::string& why) {
    return connect_refuses("127.0.0.1:1", {.tls = world.client(), .server_name = std::move(name)},
                           why);
  };
  // To OpenSSL a leading dot means any host below.
  BOOST_TEST(refused(".example.org", "labels is empty"));
  BOOST_TEST(refused("example..org", "labels is empty"));
  BOOST_TEST(refused(".", "labels is empty"));
  BOOST_TEST(refused(std::string("example.org\0.evil.org", 21), "letters, digits"));
  BOOST_TEST(refused("*.example.org", "letters, digits"));
  BOOST_TEST(refused("two words", "letters, digits"));
  BOOST_TEST(
      refused("b\xc3\xbc"
              "cher.example",
              "xn--"));
  BOOST_TEST(refused(std::string(254, 'a'), "1 to 253"));
}

BOOST_AUTO_TEST_CASE(timeouts_of_nothing_are_refused) {
  tls_world world;
  const std::string why = "has to be more than nothing";
  BOOST_TEST(connect_refuses("127.0.0.1:1", {.tls = world.client(), .handshake_timeout = 0s}, why));
  BOOST_TEST(connect_refuses("127.0.0.1:1", {.tls = world.client(), .shutdown_timeout = -1s}, why));
  BOOST_TEST(serve_refuses({.tls = world.server(), .handshake_timeout = 0s}, why));
}

BOOST_AUTO_TEST_CASE(client_certificates_need_somebody_who_may_issue_them) {
  tls_world world;
  BOOST_TEST(serve_refuses({.tls = world.server().require_client_certificate()},
                           "name the authority with trust"));
}

BOOST_AUTO_TEST_CASE(a_context_in_use_is_not_changed_any_more) {
  tls_world world;
  auto client = world.client();
  stage s;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream();
    co_await secure(ours, client, theirs, world.server());
  };
  s.run(main());
  for (const std::function<void()>& change : std::initializer_list<std::function<void()>>{
           [&] { client.trust(world.issuer.file()); }, [&] { client.alpn({"h2"}); },
           [&] { client.insecure_no_verification(); }, [&] { client.allow_truncation(); },
           [&] { client.certificate(world.host.chain, world.host.key); }})
    BOOST_TEST(refuses<invalid_state>(change, "in use already"));
}

BOOST_AUTO_TEST_CASE(protocols_that_cannot_be_written_down_are_refused) {
  auto context = io::tls_context::client();
  BOOST_TEST(refuses<std::invalid_argument>([&] { context.alpn({"h2", ""}); }, "1 to 255 bytes"));
  BOOST_TEST(refuses<std::invalid_argument>([&] { context.alpn({std::string(256, 'x')}); },
                                            "1 to 255 bytes, not 256"));
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_used_are_refused_with_their_path_and_the_reason) {
  tls_world world;
  const auto& folder = world.issuer.folder();
  const auto write = [&](const char* name, const char* text) {
    std::ofstream(folder / name) << text;
    return folder / name;
  };
  const auto server = [](std::filesystem::path chain, std::filesystem::path key,
                         std::string password = {}) {
    return [=] { io::tls_context::server(chain, key, password); };
  };
  using failure = std::system_error;
  const auto missing = folder / "missing.pem";
  BOOST_TEST(refuses<failure>(server(missing, world.host.key), missing.string()));
  BOOST_TEST(refuses<failure>(server(missing, world.host.key), "No such file"));
  BOOST_TEST(
      refuses<failure>(server(world.host.chain, missing), "private key in " + missing.string()));
  BOOST_TEST(refuses<failure>(server(write("empty.pem", ""), world.host.key), "it is empty"));
  const auto nonsense = write("nonsense.pem", "this is no certificate\n");
  BOOST_TEST(refuses<failure>(server(nonsense, world.host.key), nonsense.string()));
  BOOST_TEST(refuses<failure>(server(world.host.chain, nonsense), nonsense.string()));
  BOOST_TEST(
      refuses<failure>([&] { io::tls_context::client().trust(nonsense); }, nonsense.string()));
  BOOST_TEST(refuses<failure>([&] { io::tls_context::client().trust(folder); }, folder.string()));
  const auto other = world.issuer.issue("other", {});
  BOOST_TEST(refuses<failure>(server(world.host.chain, other.key), "not that of the certificate"));
  // A password is not asked for at the terminal.
  const auto locked = world.issuer.issue("locked", {.password = "open sesame"});
  BOOST_TEST(refuses<failure>(server(locked.chain, locked.key), locked.key.string()));
  BOOST_TEST(refuses<failure>(server(locked.chain, locked.key, "wrong"), locked.key.string()));
  server(locked.chain, locked.key, "open sesame")();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
