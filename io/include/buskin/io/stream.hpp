// A stream of bytes in both directions: what connections, serial devices and memory streams have in
// common.
#pragma once

#include <buskin/io/detail/stream_core.hpp>
#include <buskin/io/detail/stream_waits.hpp>
#include <buskin/io/send_file_options.hpp>
#include <buskin/io/tls_context.hpp>
#include <buskin/io/tls_options.hpp>
#include <buskin/io/tls_session.hpp>
#include <buskin/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace buskin::io {

class file;
class stream;

namespace detail {

/// Throws invalid_state for a stream that refers to nothing.
const std::shared_ptr<stream_core>& core_of(const stream& bytes);

/// Closes a core when its last handle goes, in whatever thread that is.
class stream_owner {
 public:
  explicit stream_owner(std::shared_ptr<stream_core> core) noexcept : core(std::move(core)) {}
  ~stream_owner();
  stream_owner(const stream_owner&) = delete;
  stream_owner& operator=(const stream_owner&) = delete;
  const std::shared_ptr<stream_core> core;
};

}  // namespace detail

/// A handle to an open stream; copies refer to the same stream, and the last one closes it. Used in
/// tasks of its runtime; with several workers, a task that uses it stays on the stream's worker
/// from then on.
class stream {
 public:
  /// The longest line or record that the reads with a separator take, unless they are told
  /// otherwise.
  static constexpr std::size_t default_limit = 64 * 1024;
  /// The most that `read_all` takes, unless it is told otherwise.
  static constexpr std::size_t default_total_limit = std::size_t{1} << 30;

  stream() noexcept = default;
  explicit stream(std::shared_ptr<detail::stream_core> core);

  explicit operator bool() const noexcept { return owner_ != nullptr; }

  // -- reading ----------------------------------------------------------------------------------
  // One task at a time. Cancellation: bytes that arrived stay for the next read. Fails with
  // std::system_error of the transport; from then on every read does, whatever is buffered.

  /// Reads 1 to `target.size()` bytes into `target` and yields how many; 0 means that the peer
  /// sends no more.
  detail::read_some_wait read_some(
      std::span<char> target, std::source_location where = std::source_location::current()) const {
    return {core(), target, where};
  }
  /// Reads 1 to `most` bytes; an empty string means that the peer sends no more.
  detail::read_any_wait read(std::size_t most = default_limit,
                             std::source_location where = std::source_location::current()) const {
    return {core(), most, where};
  }
  /// Reads until the peer sends no more (asyncio's `read(-1)`). Throws limit_overrun as soon as
  /// there are more than `limit` bytes; nothing is consumed then.
  detail::read_all_wait read_all(
      std::size_t limit = default_total_limit,
      std::source_location where = std::source_location::current()) const {
    return {core(), limit, where};
  }
  /// Reads `size` bytes. Throws incomplete_read with what there was when the stream ends before.
  detail::read_exactly_wait read_exactly(
      std::size_t size, std::source_location where = std::source_location::current()) const {
    return {core(), size, where};
  }
  /// Reads up to and including a separator: a string or another range of bytes, or several of
  /// them (`{"\r\n", "\n"}`), of which the one that ends first counts. Throws limit_overrun when
  /// none comes within `limit` bytes (nothing is consumed, and reading can go on),
  /// incomplete_read when the stream ends before, std::invalid_argument for an empty separator or
  /// none.
  detail::read_until_wait read_until(
      detail::separators ends, std::size_t limit = default_limit,
      std::source_location where = std::source_location::current()) const {
    return {core(), std::move(ends), limit, detail::rest::fails, where};
  }
  /// Reads a line with its "\n"; at the end of the stream what is left, empty when that is
  /// nothing. Throws limit_overrun as `read_until`.
  detail::read_until_wait read_line(
      std::size_t limit = default_limit,
      std::source_location where = std::source_location::current()) const {
    return {core(), "\n", limit, detail::rest::is_taken, where};
  }

  // -- writing ----------------------------------------------------------------------------------
  // Any number of tasks; each write is kept whole. `bytes` need not outlive the call's full
  // expression. Fails with std::system_error when the stream is closed or broken.

  /// Writes all of `bytes`; waits when more than the high-water mark is unsent, until it is the
  /// low-water mark. Cancellation: the bytes were accepted and are still sent.
  detail::write_wait write(std::string_view bytes,
                           std::source_location where = std::source_location::current()) const {
    return {core(), bytes, where};
  }
  /// The same of several pieces, which go out together and, as far as the transport takes them at
  /// once, without being copied.
  detail::write_pieces_wait write(
      std::span<const std::string_view> pieces,
      std::source_location where = std::source_location::current()) const {
    return {core(), pieces, where};
  }
  detail::write_pieces_wait write(
      std::initializer_list<std::string_view> pieces,
      std::source_location where = std::source_location::current()) const {
    return {core(), {pieces.begin(), pieces.size()}, where};
  }
  /// Writes without waiting, however much is unsent (asyncio's `write`). On the stream's worker
  /// only, where whoever awaited one of its operations is; else it throws invalid_state.
  void write_nowait(std::string_view bytes) const;
  /// Waits until everything accepted was handed to the transport. (asyncio's `drain`, which waits
  /// for the low-water mark if at all, is a `write` of nothing.) Fails as `write`. Cancellation:
  /// changes nothing.
  detail::drain_wait drain(std::source_location where = std::source_location::current()) const {
    return {core(), where};
  }
  /// Sends a file, or a window of it, behind what was written before, and yields how many bytes
  /// that were; what is written meanwhile waits behind it. By the system's own copying where that
  /// is possible, else (over TLS, in memory) read piece by piece in the default executor. The
  /// file's position is moved behind the last byte that was sent, also when it fails.
  ///
  /// Fails with std::system_error: of the stream, how far it came in the text, or of the file; with
  /// std::invalid_argument for what is no regular file, or an offset that no file has.
  /// Cancellation: what was sent was sent, perhaps half a file; only a stream that is broken off
  /// then tells the peer.
  task<std::uint64_t> send_file(file from, send_file_options options = {},
                                std::source_location where = std::source_location::current()) const;
  /// Opens it first; what is written while it opens waits, too.
  task<std::uint64_t> send_file(std::filesystem::path from, send_file_options options = {},
                                std::source_location where = std::source_location::current()) const;
  /// Of an open descriptor, which stays the caller's.
  task<std::uint64_t> send_file(int descriptor, send_file_options options = {},
                                std::source_location where = std::source_location::current()) const;
  /// Tells the peer that nothing more comes, after what is unsent. Reading goes on. (Over TLS 1.2 a
  /// peer may take it as the end of both directions.) A second time, or after `close`, it does
  /// nothing. Throws std::system_error (operation_not_supported) where one direction cannot end
  /// alone: a serial port.
  void write_eof() const;

  // -- TLS --------------------------------------------------------------------------------------

  /// Makes it a TLS stream, as client or server, which the context says; the peer does the same.
  /// Waits until what was written before is sent, then for the handshake. Bytes of the peer's that
  /// were read but not taken yet are the beginning of that; what others write meanwhile goes out
  /// encrypted afterwards. Over TLS a read that meets the end of the connection without TLS's
  /// notice fails (tls_error::truncated).
  ///
  /// Fails with std::invalid_argument when a client gives no server_name, invalid_state while
  /// another task reads or sends a file; then the stream is as before. With std::system_error (a
  /// tls_error, with the reason in its text; or connection_reset) and timeout_error after
  /// handshake_timeout: then the stream is ended. Cancellation: ends it too.
  task<void> start_tls(tls_context context, tls_options options = {},
                       std::source_location where = std::source_location::current()) const;
  /// What TLS agreed on with the peer, and who that is; none as long as there is no TLS.
  std::optional<tls_session> tls() const;

  // -- ending -----------------------------------------------------------------------------------

  /// Ends reading at once and writing when all is sent (within 5 s). Over TLS the peer is told, and
  /// its notice awaited, all within the shutdown timeout; what it still sends is dropped. A task
  /// that reads meanwhile gets std::system_error (operation_canceled).
  void close() const;
  /// Ends both at once. Whoever reads, writes or waits until it is closed gets `why`, if that is an
  /// error; without, reads get operation_canceled and writes connection_aborted.
  void abort(std::error_code why = {}) const;
  /// Waits until `close` or `abort`, whoever called it, is done, whether or not what came was read.
  /// Any number of tasks. Throws std::system_error with what the stream was lost to: what a read or
  /// write failed with, timed_out when the peer did not take what was unsent. Cancellation: it is
  /// closed all the same.
  detail::closed_wait wait_closed(
      std::source_location where = std::source_location::current()) const {
    return {core(), where};
  }

  // -- looking at it ----------------------------------------------------------------------------

  bool closed() const noexcept { return !owner_ || owner_->core->closing(); }
  /// A read met the end, and all before it was taken.
  bool at_eof() const { return core()->at_end(); }
  /// What was received and no read has taken; after an error, none can.
  std::string buffered() const { return std::string(core()->buffered()); }
  /// What a read or write failed with; empty for nothing.
  std::error_code error() const { return core()->lost(); }
  std::size_t unsent() const { return core()->unsent(); }
  /// Sets the mark above which writing waits, 64 KiB unless set, and the low-water mark, at which
  /// it goes on, to a quarter of it.
  void set_high_water(std::size_t bytes) const { set_water_marks(bytes / 4, bytes); }
  /// Throws std::invalid_argument when `low` is above `high`.
  void set_water_marks(std::size_t low, std::size_t high) const;
  std::size_t low_water() const { return core()->low_water(); }
  std::size_t high_water() const { return core()->high_water(); }
  /// "tcp 127.0.0.1:7070", "/dev/ttyUSB0".
  std::string describe() const { return core()->describe(); }
  int descriptor() const { return core()->descriptor(); }

  /// The message face (stream_messages.hpp). It does not keep the stream open, and ends with it:
  /// normally, or with the error that ended it.
  caf::actor actor() const;

 protected:
  const std::shared_ptr<detail::stream_core>& core() const;

 private:
  friend const std::shared_ptr<detail::stream_core>& detail::core_of(const stream& bytes);
  friend std::string to_string(const stream& which);
  std::shared_ptr<detail::stream_owner> owner_;
};

/// Its name and how it stands: "tcp 127.0.0.1:7070: 12 bytes buffered, read to the end, a task
/// reads, 300 bytes unsent, closing, Broken pipe", of that what applies.
std::string to_string(const stream& which);

}  // namespace buskin::io
