// A protocol's way to its peer. asyncio's Transport.
#pragma once

#include <buskin/io/address.hpp>
#include <buskin/io/base_protocol.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/io/tls_session.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include <caf/actor.hpp>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace buskin::io {

namespace detail {
class protocol_actor;
}

/// Bounds of what is unsent, in bytes.
struct write_buffer_limits {
  /// Above it the protocol is paused. By default four times `low`, or 64 KiB.
  std::optional<std::size_t> high{};
  /// Not above it the protocol is resumed. By default a quarter of `high`.
  std::optional<std::size_t> low{};
};

/// What is known about a connection; what it does not have is empty. Kept after its end.
struct transport_info {
  std::optional<address> local{};
  std::optional<address> peer{};
  std::string name{};  ///< the stream's: "tcp 127.0.0.1:7070"
};

/// A handle to a connection whose bytes go to a protocol; copies are the same one. It does not keep
/// the connection open, nor close it: the connection is an actor that ends by `close`, `abort`, its
/// peer, or the runtime's shutdown, which closes it. What has an effect may be called in any thread
/// (it is done soon, where that is not the connection's worker); the rest on the connection's
/// worker: in its callbacks, and in tasks there. After the end all of it is harmless.
class transport {
 public:
  transport() noexcept = default;
  explicit transport(const lean_ref<detail::protocol_actor>& actor) noexcept;

  explicit operator bool() const noexcept { return static_cast<bool>(actor_); }

  // -- writing ----------------------------------------------------------------------------------

  /// Sends `bytes` at once as far as possible, and keeps a copy of the rest. Never waits and never
  /// fails: what goes wrong is connection_lost's. Dropped when the connection has ended or was
  /// closed and has nothing unsent. Throws invalid_state after write_eof (from another thread it is
  /// dropped instead).
  void write(std::string_view bytes) const;
  /// The pieces one after the other, as one.
  void write(std::span<const std::string_view> pieces) const;
  void write(std::initializer_list<std::string_view> pieces) const {
    write(std::span(pieces.begin(), pieces.size()));
  }
  /// Nothing more will be written; the peer is told after what is unsent. Nothing when that was
  /// done, or after close.
  void write_eof() const;
  /// Streams can.
  bool can_write_eof() const noexcept { return true; }

  /// Sets the stream's own water marks, which are the limits until then. Throws
  /// std::invalid_argument when `high` would be below `low`. A high mark below what is
  /// unsent pauses the protocol at once. From another thread it is done soon.
  void set_write_buffer_limits(write_buffer_limits limits) const;
  /// Both are there.
  write_buffer_limits get_write_buffer_limits() const;
  std::size_t write_buffer_size() const;

  // -- reading ----------------------------------------------------------------------------------

  /// Nothing is received until resume_reading; the peer is slowed down. Both may be repeated.
  /// resume_reading throws invalid_state when somebody else reads the stream meanwhile (from
  /// another thread the connection is lost to that instead).
  void pause_reading() const;
  void resume_reading() const;
  bool is_reading() const;

  // -- ending -----------------------------------------------------------------------------------

  /// Receives nothing more, and closes when all is sent (within 5 s).
  void close() const;
  /// Closes at once; what is unsent is dropped.
  void abort() const;
  bool is_closing() const;

  // -- the rest ---------------------------------------------------------------------------------

  /// What is received from the next data on goes to `receiver`, which may be of the other kind. It
  /// is not told connection_made. Throws std::invalid_argument for null.
  void set_protocol(std::shared_ptr<base_protocol> receiver) const;
  /// Null when the connection has ended.
  std::shared_ptr<base_protocol> get_protocol() const;

  const transport_info& info() const;
  /// -1 when the connection has ended, or has none.
  int descriptor() const;
  /// None where there is no TLS, and when the connection has ended.
  std::optional<tls_session> tls() const;
  /// Its actor, whose end can be awaited (`monitor`).
  caf::actor actor() const;

 private:
  detail::protocol_actor& self() const;
  lean_ref<lean_actor> actor_;  // a protocol_actor
};

/// Gives `bytes` to `receiver`: a stream in callbacks. On the stream's worker connection_made has
/// been called when this returns. Nobody else may read the stream from then on. Throws
/// invalid_state for a stream that refers to nothing, std::invalid_argument for no receiver.
transport attach(stream bytes, std::shared_ptr<base_protocol> receiver);

}  // namespace buskin::io
