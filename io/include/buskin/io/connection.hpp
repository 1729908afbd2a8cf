// Connections: TCP and Unix sockets.
#pragma once

#include <buskin/io/address.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/task.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>

#include <sys/types.h>

namespace buskin::io {

/// An open connection.
class connection : public stream {
 public:
  using stream::stream;

  /// Who is at the other end of a Unix socket: the process that connected, or that listened.
  struct credentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
  };

  address local() const { return address::local_of(descriptor()); }
  address peer() const { return address::peer_of(descriptor()); }
  /// As the system vouches for it, as of the moment of connecting. Throws std::system_error:
  /// operation_not_supported for TCP, and where the system does not tell.
  credentials peer_credentials() const;
};

struct connect_options {
  /// Where to connect from, "host:port" (port 0: any). The host's addresses of another family than
  /// this are left out. TCP only, and refused for a Unix socket.
  std::string local{};
  /// Small writes are sent at once instead of being collected (TCP_NODELAY).
  bool no_delay = true;
  /// The system asks after a peer that has been silent for long: hours, by default; peer_timeout
  /// sets a bound.
  bool keep_alive = false;
  /// After how long without a sign of the peer's system the connection is given up, with timed_out
  /// for whoever reads or writes; 1 s to 8 h, and up to an eighth more. An idle peer is asked.
  /// Without it nobody misses an idle peer, and one that does not acknowledge what is sent for a
  /// quarter of an hour only. TCP only, and without effect on a Unix socket.
  std::optional<duration> peer_timeout{};
  /// How much of a start each of a host's addresses has before the next one (RFC 8305); `infinite`
  /// for one after the other.
  duration happy_eyeballs_delay = std::chrono::milliseconds(250);
  /// TLS from the first byte on. The other options are for that and refused without it; they are
  /// those of tls_options. The server's name is the host unless it is set here; for a Unix socket
  /// it has to be.
  std::optional<tls_context> tls{};
  std::optional<std::string> server_name{};
  std::optional<duration> handshake_timeout{};
  std::optional<duration> shutdown_timeout{};
};

/// Connects to "host:port", to "unix:/path", or to "unix:@name" (of no file).
///
/// A host's addresses are tried in the system's order, but the families in turn, each with a start
/// before the next ("happy eyeballs"); a failure starts the next at once, and the first success
/// closes the others. Throws std::invalid_argument for a malformed address or options that do not
/// fit, and what `stream::start_tls` throws; std::system_error when none can be reached: with each
/// address and its failure in the text and the most telling of their codes. Bound it with
/// `timeout`. Cancellation: closes all attempts at once; there is nothing to be tried again with,
/// another `connect` makes another socket.
///
/// A Unix socket whose queue is full is tried again until it has room.
task<connection> connect(std::string where, connect_options options = {},
                         std::source_location source = std::source_location::current());

/// asyncio's name for the same.
task<connection> open_connection(std::string host, std::uint16_t port, connect_options options = {},
                                 std::source_location source = std::source_location::current());

}  // namespace buskin::io
