// A server that sends back lines, and its clients.
#pragma once

#include <buskin/io/connection.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/task.hpp>

#include <string>
#include <utility>

namespace buskin::test {

inline task<void> echo_lines(io::connection client) {
  for (;;) {
    std::string line;
    try {
      line = co_await client.read_until("\n");
    } catch (const incomplete_read&) {
      co_return;
    }
    co_await client.write(line);
  }
}

inline task<io::server> echo_server(io::serve_options options = {}) {
  return io::serve("127.0.0.1:0", echo_lines, std::move(options));
}

inline task<std::string> ask(io::stream server, std::string line) {
  co_await server.write(line);
  co_return co_await server.read_until("\n");
}

}  // namespace buskin::test
