// Clients one at a time, for whoever asks: the accept of Go, Asio and sockets.
#pragma once

#include <buskin/io/address.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/io/detail/homed_wait.hpp>
#include <buskin/runtime/task.hpp>

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

namespace buskin::io {

namespace detail {

class listener_actor;
class listener_owner;

class [[nodiscard("nothing happens until it is awaited")]] accept_wait final : public homed_wait {
 public:
  accept_wait(std::shared_ptr<listener_owner> owner, const std::source_location& where) noexcept;
  ~accept_wait();
  connection await_resume();

 private:
  listener_actor& target() const noexcept;
  worker& home() const noexcept override;
  bool attempt() override;
  void enlist() override;
  void delist() noexcept override;
  const char* operation() const noexcept override { return "accept"; }
  std::string whose() const override;

  std::shared_ptr<listener_owner> owner_;
  unique_descriptor client_;
  bool in_line_ = false;
};

}  // namespace detail

struct listen_options {
  std::string name = "listener";
  int backlog = 1024;
  /// As those of serve_options.
  bool reuse_port = false;
  bool keep_alive = false;
  std::optional<duration> peer_timeout{};
  unsigned socket_mode = 0600;
  bool remove_socket = true;
};

/// A socket that listens; copies are the same one, which is closed with the last. `serve` is the
/// better choice where each client gets a handler of its own: it spreads them over the workers.
class listener {
 public:
  listener() noexcept = default;
  explicit listener(std::shared_ptr<detail::listener_owner> owner) noexcept
      : owner_(std::move(owner)) {}

  /// Awaits the next client. Any number of tasks may: they are served in the order in which they
  /// asked. The connection belongs to the listener's worker, and the task goes on there.
  /// Cancellation: gives the place in line back, and a client that was handed over already goes to
  /// the next in line; no client is lost.
  /// Fails with std::system_error: operation_canceled when the listener is or was closed. At the
  /// runtime's shutdown it stops listening, and who waits here is cancelled with all tasks. For
  /// want of descriptors it waits until there are some (BK020).
  detail::accept_wait accept(std::source_location where = std::source_location::current()) const;

  /// Stops listening; whoever waits in `accept` gets operation_canceled.
  void close() const;
  bool closed() const;

  /// Where it listens; with the port that was chosen for port 0.
  address local() const;
  std::vector<address> addresses() const;
  std::uint16_t port() const { return local().port(); }

 private:
  std::shared_ptr<detail::listener_owner> owner_;
};

/// Listens where `serve` does, and throws what it throws.
task<listener> listen(std::string where, listen_options options = {},
                      std::source_location source = std::source_location::current());
/// The same at a socket that is bound already, which becomes the listener's own.
task<listener> listen(int socket, listen_options options = {},
                      std::source_location source = std::source_location::current());

}  // namespace buskin::io
