// A server: a coroutine for each client, inside the client's own actor.
#pragma once

#include <buskin/io/address.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/runtime/lean_actor.hpp>
#include <buskin/runtime/lean_ref.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

namespace buskin::io {

namespace detail {
class server_actor;
}

struct serve_options {
  std::string name = "server";
  /// Further clients are left in the system's queue until one has gone.
  std::size_t max_connections = std::numeric_limits<std::size_t>::max();
  int backlog = 1024;
  /// Others may listen at the same port, in this process or another of the same user; the system
  /// spreads the clients over them. TCP only.
  bool reuse_port = false;
  /// The system asks after clients that have been silent for long (hours by default).
  bool keep_alive = false;
  /// As that of connect_options, for clients.
  std::optional<duration> peer_timeout{};
  /// Without it the address is taken, but nobody is let in before `server::start`.
  bool start = true;
  /// Who may connect to the file of a Unix socket, as permissions.
  unsigned socket_mode = 0600;
  /// Whether the file of a Unix socket goes when the server closes; only if it is still the
  /// server's own.
  bool remove_socket = true;
  /// TLS from the first byte on, with a server's context. The handshake is the client's own
  /// business: it runs in the client's actor, before the handler, and holds up nobody else. The
  /// other options are for TLS, and refused without it.
  std::optional<tls_context> tls{};
  std::optional<duration> handshake_timeout{};  ///< 60 s unless set
  std::optional<duration> shutdown_timeout{};   ///< 30 s unless set
  /// Told of each client whose handshake failed or took too long; otherwise such clients are gone
  /// without a word, for anybody can be one. On the client's worker; the exception's text names it.
  std::function<void(std::exception_ptr why)> on_handshake_failure{};
};

/// A handle to a listening server; any thread of its runtime. The server goes on without it, until
/// `close` or the runtime's shutdown, which closes servers first.
class server {
 public:
  explicit server(const lean_ref<detail::server_actor>& actor) noexcept;

  /// Where it listens; with the port that was chosen for port 0. All addresses have the same port.
  address local() const;
  /// All of them.
  std::vector<address> addresses() const;
  std::uint16_t port() const { return local().port(); }

  /// Begins to let clients in; nothing when it does so already. Throws invalid_state when it was
  /// closed, std::system_error when the system refuses. (asyncio: start_serving.)
  task<void> start(std::source_location where = std::source_location::current()) const;
  /// Starts it and waits until it is closed. Cancellation: closes it; the clients stay.
  task<void> serve_forever(std::source_location where = std::source_location::current()) const;
  /// Clients are let in: it was started, and not closed.
  bool serving() const;

  /// Stops accepting. Clients that are connected stay.
  void close() const;
  bool closed() const;
  /// Closes the connections of all clients that were let in by now; what was written is still sent.
  /// A handler that reads or writes then fails, which is not reported. For an end of all, `close`
  /// the server first.
  void close_clients() const;
  /// The same at once: what is unsent is dropped.
  void abort_clients() const;
  /// Waits until the server is closed and the handler of its last client has ended; at once when
  /// that is so already. Any number of tasks. Not in a handler of its own. Cancellation: stops
  /// waiting.
  task<void> wait_closed(std::source_location where = std::source_location::current()) const;
  /// The orderly end: closes the server, waits for the handlers for `limit` at most, cancels those
  /// that are left, and waits for them to end too, however long their clean-up takes. Yields how
  /// many had to be cancelled. Not in a handler of its own. Cancellation: stops waiting; the server
  /// is closed and the clients stay.
  task<std::size_t> drain(duration limit,
                          std::source_location where = std::source_location::current()) const;
  /// Clients that are connected.
  std::size_t connections() const;
  caf::actor actor() const;

 private:
  detail::server_actor& self() const noexcept;
  lean_ref<lean_actor> actor_;  // a server_actor
};

/// Listens at "host:port" (port 0: one that is free; no host: all of this host's addresses), at
/// "unix:/path" or at "unix:@name", and runs `handler(connection)` for every client, as an actor of
/// its own on one of the workers. The connection is closed when its handler ends; what was written
/// is still sent. An exception that leaves a handler is reported (BK002), except that the client
/// went away. When descriptors run out it says so once, keeps serving and accepts again when it
/// can. `handler` is kept as long as the server and its clients.
///
/// The file of a Unix socket that nobody listens at any more is replaced; any other file is not,
/// nor that of a server which was not started yet.
///
/// Throws std::invalid_argument for a malformed address or options that do not fit,
/// std::system_error with the address in its text when it cannot be listened at.
task<server> serve(std::string where, std::function<task<void>(connection)> handler,
                   serve_options options = {},
                   std::source_location source = std::source_location::current());

/// asyncio's name for the same.
task<server> start_server(std::function<task<void>(connection)> handler, std::string host,
                          std::uint16_t port, serve_options options = {},
                          std::source_location source = std::source_location::current());

/// The same at a socket that is bound already, and may be listening: from the call on it is the
/// server's, which closes it, also when this throws. The file of a Unix socket is removed as if the
/// server had made it. `reuse_port` and `socket_mode` are the maker's business and are ignored.
task<server> serve(int socket, std::function<task<void>(connection)> handler,
                   serve_options options = {},
                   std::source_location source = std::source_location::current());

/// The same in messages (stream_messages.hpp): every client is an actor, and `acceptor` is sent
/// `(new_connection, caf::actor client, std::string peer)`. The connection is the acceptor's until
/// somebody subscribes or is made its owner (`own_stream`); it is closed when its owner ends, and
/// its owner is told when it ends. A request to read makes nobody an owner. The server closes when
/// the acceptor ends. Throws as above, and invalid_state for an acceptor that refers to nobody.
task<server> serve(std::string where, caf::actor acceptor, serve_options options = {},
                   std::source_location source = std::source_location::current());

}  // namespace buskin::io
