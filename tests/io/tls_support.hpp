// What the tests of TLS have in common: two contexts that know each other, and pairs of streams.
#pragma once

#include <buskin/actors/gather.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/io/tls_error.hpp>

#include "io/stream_pair.hpp"
#include "support/certificates.hpp"

#include <boost/test/unit_test.hpp>

#include <exception>
#include <initializer_list>
#include <string>
#include <system_error>
#include <utility>

namespace buskin::test {

/// Both sides of example.org.
struct tls_world {
  authority issuer;
  identity host = issuer.issue("example.org", {.names = "DNS:example.org,IP:127.0.0.1"});

  io::tls_context client() const { return io::tls_context::client().trust(issuer.file()); }
  io::tls_context server() const { return io::tls_context::server(host.chain, host.key); }
  io::tls_context server(const identity& who) const {
    return io::tls_context::server(who.chain, who.key);
  }
};

inline io::tls_options as_client(std::string name = "example.org") {
  return {.server_name = std::move(name)};
}

/// Both ends shake hands.
inline task<void> secure(io::stream client, io::tls_context client_context, io::stream server,
                         io::tls_context server_context) {
  co_await gather(client.start_tls(std::move(client_context), as_client()),
                  server.start_tls(std::move(server_context)));
}

/// Two ends that have done so. `world` has to stay until this is over.
inline task<std::pair<io::stream, io::stream>> secure_pair(const tls_world& world,
                                                           transport how = transport::memory) {
  auto ends = co_await make_pair(how);
  co_await secure(ends.first, world.client(), ends.second, world.server());
  co_return ends;
}

/// What `what` fails with; null if it does not.
inline task<std::exception_ptr> failure_of(task<void> what) {
  try {
    co_await std::move(what);
  } catch (...) {
    co_return std::current_exception();
  }
  co_return nullptr;
}

/// The code of a std::system_error; 0 for none or another exception.
inline std::error_code code_of(const std::exception_ptr& error) {
  if (!error) return {};
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& failure) {
    return failure.code();
  } catch (...) {
    return {};
  }
}

inline bool mentions(const std::exception_ptr& error, const std::string& what) {
  const bool found = error && describe(error).find(what) != std::string::npos;
  if (!found)
    BOOST_TEST_MESSAGE("\"" << what << "\" is not in: " << (error ? describe(error) : "nothing"));
  return found;
}

/// Whether it failed with `code`, and says all of `parts`.
inline bool refused(const std::exception_ptr& error, io::tls_error code,
                    std::initializer_list<const char*> parts = {}) {
  bool as_told = code_of(error) == code;
  if (!as_told)
    BOOST_TEST_MESSAGE("failed otherwise: " << (error ? describe(error) : "not at all"));
  for (const char* part : parts) as_told = mentions(error, part) && as_told;
  return as_told;
}

}  // namespace buskin::test
