// A stream of bytes in both directions: what connections, serial devices and memory streams have in
// common.
#pragma once

#include <buskin/io/detail/stream_core.hpp>
#include <buskin/io/tls_context.hpp>
#include <buskin/io/tls_options.hpp>
#include <buskin/io/tls_session.hpp>
#include <buskin/runtime/task.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>

namespace buskin::io {

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

class read_wait : public reader_wait {
 protected:
  read_wait(std::shared_ptr<stream_core> core, const std::source_location& where) noexcept
      : reader_wait(wait_kind::read, std::move(core), where) {}
  ~read_wait() = default;
  [[noreturn]] void fail(const transfer& got) const;
};

class read_some_wait final : public read_wait {
 public:
  read_some_wait(std::shared_ptr<stream_core> core, std::span<char> target,
                 const std::source_location& where) noexcept
      : read_wait(std::move(core), where), target_(target) {}
  std::size_t await_resume() {
    check();
    return count_;
  }

 private:
  bool attempt() override;
  std::span<char> target_;
  std::size_t count_ = 0;
};

class read_any_wait final : public read_wait {
 public:
  read_any_wait(std::shared_ptr<stream_core> core, std::size_t most,
                const std::source_location& where) noexcept
      : read_wait(std::move(core), where), most_(most) {}
  std::string await_resume() {
    check();
    return std::move(bytes_);
  }

 private:
  bool attempt() override;
  std::size_t most_;
  std::string bytes_;
};

class read_exactly_wait final : public read_wait {
 public:
  read_exactly_wait(std::shared_ptr<stream_core> core, std::size_t size,
                    const std::source_location& where) noexcept
      : read_wait(std::move(core), where), size_(size) {}
  std::string await_resume() {
    check();
    return std::move(bytes_);
  }

 private:
  bool attempt() override;
  std::size_t size_;
  std::string bytes_;
};

class read_until_wait final : public read_wait {
 public:
  read_until_wait(std::shared_ptr<stream_core> core, std::string separator, std::size_t limit,
                  const std::source_location& where)
      : read_wait(std::move(core), where), separator_(std::move(separator)), limit_(limit) {}
  std::string await_resume() {
    check();
    return std::move(bytes_);
  }

 private:
  bool attempt() override;
  std::string separator_;
  std::size_t limit_;
  std::size_t searched_ = 0;
  std::string bytes_;
};

class drain_wait final : public io_wait {
 public:
  /// `accept` is written first, all of it; then the wait is for the buffer to fall to the
  /// high-water mark.
  drain_wait(std::shared_ptr<stream_core> core, std::optional<std::string_view> accept,
             std::size_t mark, const std::source_location& where) noexcept
      : io_wait(wait_kind::write, std::move(core), where), accept_(accept), mark_(mark) {}
  ~drain_wait() { leave(); }
  void await_resume() { check(); }

 private:
  bool attempt() override;
  void enlist() override { core_->writers().push(*this); }
  void delist() noexcept override { core_->writers().erase(*this); }
  std::optional<std::string_view> accept_;
  std::size_t mark_;
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

  stream() noexcept = default;
  explicit stream(std::shared_ptr<detail::stream_core> core);

  explicit operator bool() const noexcept { return owner_ != nullptr; }

  // -- reading ----------------------------------------------------------------------------------
  // One task at a time. Cancellation: bytes that arrived stay for the next read. Fails with
  // std::system_error of the transport.

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
  /// Reads `size` bytes. Throws incomplete_read with what there was when the stream ends before.
  detail::read_exactly_wait read_exactly(
      std::size_t size, std::source_location where = std::source_location::current()) const {
    return {core(), size, where};
  }
  /// Reads up to and including `separator`. Throws limit_overrun when it does not come within
  /// `limit` bytes (nothing is consumed then), incomplete_read when the stream ends before,
  /// std::invalid_argument for an empty separator.
  detail::read_until_wait read_until(
      std::string separator, std::size_t limit = default_limit,
      std::source_location where = std::source_location::current()) const;

  // -- writing ----------------------------------------------------------------------------------
  // Any number of tasks; each write is kept whole.

  /// Writes all of `bytes`; waits while more than the high-water mark (64 KiB unless set) is
  /// unsent. `bytes` need not outlive the call's full expression. Fails with std::system_error when
  /// the stream is closed or broken. Cancellation: the bytes were accepted and are still sent.
  detail::drain_wait write(std::string_view bytes,
                           std::source_location where = std::source_location::current()) const {
    return {core(), bytes, core()->high_water(), where};
  }
  /// Waits until everything accepted was handed to the transport.
  detail::drain_wait drain(std::source_location where = std::source_location::current()) const {
    return {core(), std::nullopt, 0, where};
  }
  /// Tells the peer that nothing more comes, after what is unsent. Reading goes on. (Over TLS 1.2 a
  /// peer may take it as the end of both directions.)
  void write_eof() const;

  // -- TLS --------------------------------------------------------------------------------------

  /// Makes it a TLS stream, as client or server, which the context says; the peer does the same.
  /// Waits until what was written before is sent, then for the handshake. Bytes of the peer's that
  /// were read but not taken yet are the beginning of that; what others write meanwhile goes out
  /// encrypted afterwards. Over TLS a read that meets the end of the connection without TLS's
  /// notice fails (tls_error::truncated).
  ///
  /// Fails with std::invalid_argument when a client gives no server_name, invalid_state while
  /// another task reads; then the stream is as before. With std::system_error (a tls_error, with
  /// the reason in its text; or connection_reset) and timeout_error after handshake_timeout: then
  /// the stream is ended. Cancellation: ends it too.
  task<void> start_tls(tls_context context, tls_options options = {},
                       std::source_location where = std::source_location::current()) const;
  /// What TLS agreed on with the peer, and who that is; none as long as there is no TLS.
  std::optional<tls_session> tls() const;

  // -- ending -----------------------------------------------------------------------------------

  /// Ends reading at once and writing when all is sent (within 5 s). Over TLS the peer is told, and
  /// its notice awaited, all within the shutdown timeout; what it still sends is dropped. A task
  /// that reads meanwhile gets std::system_error (operation_canceled).
  void close() const;
  /// Ends both at once.
  void abort() const;

  // -- looking at it ----------------------------------------------------------------------------

  bool closed() const noexcept { return !owner_ || owner_->core->closing(); }
  std::size_t unsent() const { return core()->unsent(); }
  void set_high_water(std::size_t bytes) const { core()->set_high_water(bytes); }
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
  std::shared_ptr<detail::stream_owner> owner_;
};

}  // namespace buskin::io
