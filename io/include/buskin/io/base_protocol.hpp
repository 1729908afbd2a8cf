// What the two kinds of protocol have in common. asyncio's BaseProtocol.
#pragma once

#include <cstdint>
#include <exception>

namespace buskin::io {

namespace detail {
class protocol_actor;
}

class buffered_protocol;
class protocol;
class transport;

/// What becomes of a connection whose peer sends no more.
enum class at_end : std::uint8_t {
  close,     ///< it is closed, when all is sent
  keep_open  ///< the protocol goes on writing, and closes it
};

/// The callbacks of a connection. They run in the connection's own actor, on its worker, one at a
/// time (but pause_writing inside of the `write` that was too much), and do not wait: what takes
/// time is spawned as a task. The order is asyncio's: connection_made first; what is received, then
/// eof_received at most once; pause_writing and resume_writing in turns; connection_lost last,
/// exactly once.
///
/// An exception that leaves a callback ends the connection at once: it is reported (BK023) and
/// handed to connection_lost.
///
/// Derive from `protocol` or `buffered_protocol`. A protocol lives as long as its connection needs
/// it, and whoever holds it.
class base_protocol {
 public:
  virtual ~base_protocol();
  base_protocol(const base_protocol&) = delete;
  base_protocol& operator=(const base_protocol&) = delete;

  /// The first. `link` is how to write; a copy is worth keeping.
  virtual void connection_made(transport link);
  /// `why` is null when the connection was closed or aborted by us, or ended by the peer in good
  /// order. The transport takes nothing more.
  virtual void connection_lost(std::exception_ptr why);
  /// More than the high mark is unsent: writing should stop.
  virtual void pause_writing() {}
  /// No more than the low mark is unsent.
  virtual void resume_writing() {}
  virtual at_end eof_received() { return at_end::close; }

 private:
  friend class buffered_protocol;
  friend class protocol;
  friend class detail::protocol_actor;
  enum class kind : std::uint8_t { plain, buffered };
  explicit base_protocol(kind how) noexcept : kind_(how) {}

  const kind kind_;
};

}  // namespace buskin::io
