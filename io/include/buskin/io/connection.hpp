// TCP connections.
#pragma once

#include <buskin/io/address.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/task.hpp>

#include <cstdint>
#include <optional>
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

struct connect_options {
  /// TLS from the first byte on. The other options are for that and refused without it; they are
  /// those of tls_options. The server's name is the host unless it is set here.
  std::optional<tls_context> tls{};
  std::optional<std::string> server_name{};
  std::optional<duration> handshake_timeout{};
  std::optional<duration> shutdown_timeout{};
};

/// Connects to "host:port", trying the host's addresses in turn. Throws std::invalid_argument for a
/// malformed address or options that do not fit, std::system_error (of the last attempt, with the
/// address in its text) when none can be reached, and what `stream::start_tls` throws. Bound it
/// with `timeout`. Cancellation: closes the attempt at once.
task<connection> connect(std::string where, connect_options options = {},
                         std::source_location source = std::source_location::current());

/// asyncio's name for the same.
task<connection> open_connection(std::string host, std::uint16_t port, connect_options options = {},
                                 std::source_location source = std::source_location::current());

}  // namespace buskin::io
