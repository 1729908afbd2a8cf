// A transport of one's own, below a stream.
#pragma once

#include <buskin/io/stream.hpp>
#include <buskin/io/transfer.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace buskin::io {

namespace detail {
class transport_news;
}

/// What moves a stream's bytes. Derive from it, and `from_transport` makes it a full stream: tasks,
/// protocols and messages use that, and TLS stands on it.
///
/// All functions are called on the stream's worker, one at a time, and must not wait: one that
/// finds nothing to do says `transfer::blocked()`, and calls `readable` or `writable` when another
/// attempt is worth while. Once too often is harmless; once too seldom is for ever. An exception is
/// a failure: with its code if it is a std::system_error, else with io_error.
class byte_transport {
 public:
  byte_transport();
  virtual ~byte_transport();
  byte_transport(const byte_transport&) = delete;
  byte_transport& operator=(const byte_transport&) = delete;

  /// Reads 1 to `target.size()` bytes. After an end or a failure it is that again.
  virtual transfer read_some(std::span<char> target) = 0;
  /// Takes 1 to `bytes.size()` bytes.
  virtual transfer write_some(std::string_view bytes) = 0;
  /// Nothing more will be written; what was taken before is still to arrive.
  virtual void end_of_writing() {}
  /// The end: no more calls but the destructor. Once, unless the runtime has gone before.
  virtual void close() noexcept = 0;
  /// What it is called in texts: "tcp 127.0.0.1:7070".
  virtual std::string describe() const = 0;
  /// The descriptor behind it, for those who look; -1 for none.
  virtual int descriptor() const noexcept { return -1; }

 protected:
  /// Another read, or write, is worth while. Any thread, also inside the functions above; the
  /// stream makes its attempt soon, never inside this call. Nothing before `from_transport`. Not
  /// when the runtime has gone.
  void readable();
  void writable();

 private:
  friend stream from_transport(std::unique_ptr<byte_transport> below);
  std::shared_ptr<detail::transport_news> news_;
};

/// Makes a stream over `below`. Inside a running runtime; the stream belongs to the worker of the
/// caller. Throws std::invalid_argument for null, invalid_state outside.
stream from_transport(std::unique_ptr<byte_transport> below);

}  // namespace buskin::io
