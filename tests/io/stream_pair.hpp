// Two connected streams, in memory or over TCP: what holds for a stream has to hold for both.
#pragma once

#include <buskin/actors/queue.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/sleep.hpp>

#include <chrono>
#include <ostream>
#include <utility>

namespace buskin::test {

enum class transport { memory, tcp };

inline std::ostream& operator<<(std::ostream& out, transport how) {
  return out << (how == transport::memory ? "in memory" : "over TCP");
}

/// Hands its connection out and stays, for the connection lives as long as its handler.
inline task<void> hand_out(queue<io::connection> to, io::connection client) {
  co_await to.put(std::move(client));
  co_await sleep(std::chrono::hours(1));
}

inline task<std::pair<io::stream, io::stream>> make_pair(transport how) {
  if (how == transport::memory) co_return io::memory_stream();
  queue<io::connection> clients;
  auto server = co_await io::serve(
      "127.0.0.1:0", [clients](io::connection c) { return hand_out(clients, std::move(c)); });
  io::stream ours = co_await io::connect(server.local().to_string());
  io::stream theirs = co_await clients.get();
  server.close();
  co_return std::pair(std::move(ours), std::move(theirs));
}

}  // namespace buskin::test
