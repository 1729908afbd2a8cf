// TCP connections.
#pragma once

#include <buskin/io/address.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/task.hpp>

#include <source_location>
#include <string>

namespace buskin::io {

/// An open TCP connection.
class connection : public stream {
 public:
  using stream::stream;

  address local() const { return address::local_of(descriptor()); }
  address peer() const { return address::peer_of(descriptor()); }
};

/// Connects to "host:port", trying the host's addresses in turn. Throws std::invalid_argument for a
/// malformed address, std::system_error (of the last attempt, with the address in its text) when
/// none can be reached. Bound it with `timeout`. Cancellation: closes the attempt at once.
task<connection> connect(std::string where,
                         std::source_location source = std::source_location::current());

/// asyncio's name for the same.
task<connection> open_connection(std::string host, std::uint16_t port,
                                 std::source_location source = std::source_location::current());

}  // namespace buskin::io
