// A server that sends back what comes, and its clients.
#pragma once

#include <buskin/io/connection.hpp>
#include <buskin/runtime/task.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <system_error>

namespace buskin::test {

inline task<void> echo(io::connection client) {
  for (;;) {
    const auto some = co_await client.read();
    if (some.empty()) co_return;
    co_await client.write(some);
  }
}

inline task<std::string> ask(io::connection server, std::string what) {
  co_await server.write(what);
  co_return co_await server.read_exactly(what.size());
}

inline task<void> check_refused(std::string where) {
  BOOST_CHECK_EXCEPTION(co_await io::connect(where), std::system_error, [](const auto& error) {
    return error.code() == std::errc::connection_refused;
  });
}

}  // namespace buskin::test
