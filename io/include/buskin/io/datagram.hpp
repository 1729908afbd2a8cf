// Datagrams: messages that arrive whole, or not at all, in any order.
#pragma once

#include <buskin/io/address.hpp>
#include <buskin/io/detail/homed_wait.hpp>
#include <buskin/runtime/lean_ref.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/actor.hpp>
#include <caf/atom.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>

namespace buskin::io {

// The message face, besides (subscribe, std::uint32_t credit) and (unsubscribe). A subscriber is
// sent `(datagram_received, std::string bytes, std::string from)`, one for each credit it gave, and
// `(datagram_failed, caf::error)` for what else came out of the network.
using datagram_received = caf::atom_constant<caf::atom("bk.dgram")>;
using datagram_failed = caf::atom_constant<caf::atom("bk.dgfail")>;
/// `(more_datagrams, std::uint32_t credit)`: so many more for the subscriber.
using more_datagrams = caf::atom_constant<caf::atom("bk.more")>;
/// `(send_datagram, std::string bytes)` to the peer, or `(…, std::string bytes, std::string to)` to
/// a numeric "host:port". Answered when it was accepted.
using send_datagram = caf::atom_constant<caf::atom("bk.send")>;
using close_datagram = caf::atom_constant<caf::atom("bk.close")>;

struct datagram_options {
  /// Where to receive, "host:port"; empty: a port that the system chooses at the first send.
  std::string local;
  /// The only peer, "host:port"; others are not heard, and its errors are. Empty: any.
  std::string remote;
  /// Permits sending to broadcast addresses.
  bool broadcast = false;
  /// Lets several sockets share one local port.
  bool reuse_port = false;
  /// Of the system's buffers, in bytes; what does not fit into the receiving one is lost. 0: as it
  /// is.
  std::size_t receive_buffer = 0;
  std::size_t send_buffer = 0;
};

namespace detail {

class datagram_actor;
class datagram_owner;

/// What was received into a caller's buffer.
struct datagram_size {
  std::size_t size = 0;  ///< of the datagram; more than the buffer's when the rest was cut off
  address from;
};

class receive_wait : public homed_wait {
 protected:
  ~receive_wait() { leave(); }
  receive_wait(std::shared_ptr<datagram_owner> socket, const std::source_location& where);
  bool attempt() final;
  void enlist() final;
  void delist() noexcept final;
  worker& home() const noexcept final;
  const char* operation() const noexcept final { return "an operation on a socket"; }
  std::string whose() const final;
  virtual std::span<char> target() = 0;
  /// It is in the target now.
  virtual void received() {}

  std::shared_ptr<datagram_owner> socket_;
  datagram_size got_;
};

class [[nodiscard("nothing happens until it is awaited")]] receive_into_wait final
    : public receive_wait {
 public:
  receive_into_wait(std::shared_ptr<datagram_owner> socket, std::span<char> into,
                    const std::source_location& where)
      : receive_wait(std::move(socket), where), into_(into) {}
  datagram_size await_resume() {
    check();
    return got_;
  }

 private:
  std::span<char> target() override { return into_; }
  std::span<char> into_;
};

}  // namespace detail

/// A datagram as it came.
struct packet {
  std::string bytes;
  address from;
};

namespace detail {

class [[nodiscard("nothing happens until it is awaited")]] receive_packet_wait final
    : public receive_wait {
 public:
  receive_packet_wait(std::shared_ptr<datagram_owner> socket, const std::source_location& where)
      : receive_wait(std::move(socket), where) {}
  packet await_resume();

 private:
  std::span<char> target() override;
  void received() override;
  std::string bytes_;
};

class [[nodiscard("nothing happens until it is awaited")]] send_wait final : public homed_wait {
 public:
  /// Without `bytes` it waits until nothing is kept any more.
  send_wait(std::shared_ptr<datagram_owner> socket, std::optional<std::string_view> bytes,
            std::optional<address> to, const std::source_location& where);
  ~send_wait() { leave(); }
  void await_resume() { check(); }

 private:
  worker& home() const noexcept override;
  bool attempt() override;
  void enlist() override;
  void delist() noexcept override;
  const char* operation() const noexcept override { return "an operation on a socket"; }
  std::string whose() const override;
  wait_line& line() const noexcept;

  std::shared_ptr<datagram_owner> socket_;
  std::optional<std::string_view> bytes_;  // empty once accepted
  std::optional<address> to_;
  const bool drain_;
};

}  // namespace detail

/// A handle to a datagram socket (UDP); copies are the same socket, and the last one closes it. As
/// with streams, a task that uses it stays on its worker.
class datagram {
 public:
  /// The most that a UDP datagram holds.
  static constexpr std::size_t max_size = 65'507;

  datagram() noexcept = default;
  explicit datagram(std::shared_ptr<detail::datagram_owner> owner) noexcept
      : owner_(std::move(owner)) {}

  /// Opens one. Throws std::invalid_argument for a malformed address, std::system_error with the
  /// address in its text when it cannot be had. Cancellation: opens nothing.
  static task<datagram> open(datagram_options options = {},
                             std::source_location where = std::source_location::current());
  /// Receives at "host:port" (port 0: one that is free).
  static task<datagram> bind(std::string local,
                             std::source_location where = std::source_location::current());
  /// Sends to and receives from "host:port" only.
  static task<datagram> connect(std::string remote,
                                std::source_location where = std::source_location::current());
  /// Takes over an open datagram socket, of any family, which it closes in the end. Inside a
  /// running runtime. Throws std::system_error when it is none; then it is still the caller's.
  static datagram from_descriptor(int descriptor);

  explicit operator bool() const noexcept { return owner_ != nullptr; }

  // -- receiving ----------------------------------------------------------------------------------
  // Any number of tasks, served in the order in which they asked. Cancellation: nothing is lost.
  // Throws std::system_error for what the network told of the peer (connection_refused), which does
  // not close the socket, and with operation_canceled when it is closed.

  /// The next datagram.
  detail::receive_packet_wait receive(
      std::source_location where = std::source_location::current()) const {
    return {owner_checked(), where};
  }
  /// The same into a buffer of the caller's; what does not fit is cut off, and told by the size.
  detail::receive_into_wait receive_into(
      std::span<char> target, std::source_location where = std::source_location::current()) const {
    return {owner_checked(), target, where};
  }

  // -- sending ------------------------------------------------------------------------------------
  // Each send is one datagram, also an empty one. They leave in order; while the system takes none
  // they are kept, and a sender waits for the kept ones to be less than the high-water mark (64
  // KiB, eight bytes a datagram included). Cancellation: it was accepted and is still sent. Throws
  // std::system_error for one that can never be sent (message_size, permission_denied without
  // `broadcast`, network_unreachable) and after `close`. That nobody is there (connection_refused)
  // is told to who receives.

  /// To the peer. Throws invalid_state without one.
  detail::send_wait send(std::string_view bytes,
                         std::source_location where = std::source_location::current()) const;
  /// Throws std::invalid_argument on a socket that has another peer.
  detail::send_wait send_to(std::string_view bytes, const address& to,
                            std::source_location where = std::source_location::current()) const;
  /// Waits until nothing is kept any more.
  detail::send_wait drain(std::source_location where = std::source_location::current()) const;

  // -- groups -------------------------------------------------------------------------------------
  // On the socket's worker. Throw std::system_error, std::invalid_argument.

  /// Receives what is sent to the multicast group, a numeric address, by way of the named interface
  /// (empty: the system's choice).
  void join(const std::string& group, const std::string& interface = {}) const;
  void leave(const std::string& group, const std::string& interface = {}) const;
  /// How sent multicasts go out: by which interface, over how many routers, whether this host hears
  /// them too.
  void set_multicast_interface(const std::string& interface) const;
  void set_multicast_hops(int hops) const;
  void set_multicast_loop(bool on) const;

  // -- ending, looking ----------------------------------------------------------------------------

  /// Kept datagrams are offered to the system once more; whoever receives is told.
  void close() const;
  bool closed() const noexcept;
  address local() const;
  /// Empty without a peer.
  std::optional<address> peer() const;
  /// Bytes that are kept, eight a datagram included. On the socket's worker.
  std::size_t unsent() const;
  void set_high_water(std::size_t bytes) const;
  int descriptor() const;
  /// "udp 127.0.0.1:7070".
  std::string describe() const;
  caf::actor actor() const;

 private:
  const std::shared_ptr<detail::datagram_owner>& owner_checked() const;
  detail::datagram_actor& self() const;
  std::shared_ptr<detail::datagram_owner> owner_;
};

}  // namespace buskin::io
