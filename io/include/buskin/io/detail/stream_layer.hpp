// What stands between a stream's buffers and its transport and changes the bytes on their way: TLS.
//
// Layers may stand on each other. A layer makes its steps when the core asks for one, and never
// waits; only the core's worker touches it. What always holds: one that says `would_block` has
// nothing left to do before the transport can be read or written again.
#pragma once

#include <buskin/io/detail/stream_core.hpp>
#include <buskin/io/tls_session.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace buskin::io::detail {

class stream_layer {
 public:
  stream_layer() = default;
  virtual ~stream_layer() = default;
  stream_layer(const stream_layer&) = delete;
  stream_layer& operator=(const stream_layer&) = delete;

  /// A step of what both ends have to agree on first. Nothing is read or written before that is
  /// done.
  virtual transfer open() = 0;
  virtual transfer read(char* target, std::size_t size) = 0;
  /// Takes some of `bytes`; would block while something that was taken before is still here.
  virtual transfer write(const char* bytes, std::size_t size) = 0;
  /// Hands down what is still here: done when nothing is left.
  virtual transfer flush() = 0;
  /// How much that is, in bytes of the transport.
  virtual std::size_t unsent() const noexcept = 0;
  /// Tells the peer that nothing more will be written.
  virtual void end_writing() = 0;
  /// A step of taking leave: tells the peer, and drops what comes until the peer says the same.
  virtual transfer close() = 0;
  virtual duration close_timeout() const noexcept = 0;
  /// Why the last read or write failed, in words; empty when the error says it.
  virtual std::string reason() const = 0;
  /// What was agreed on; none before that.
  virtual std::optional<tls_session> session() const = 0;

 protected:
  transfer read_below(char* target, std::size_t size);
  transfer write_below(const char* bytes, std::size_t size);
  stream_layer* below() const noexcept { return below_.get(); }

 private:
  friend class stream_core;
  stream_core* core_ = nullptr;
  std::unique_ptr<stream_layer> below_;  // null: the transport
  std::string early_;                    // was read before this layer was there
  std::size_t early_begin_ = 0;
};

}  // namespace buskin::io::detail
