// A connection in callbacks that receive into memory of the protocol's own: nothing is copied.
// asyncio's BufferedProtocol.
#pragma once

#include <buskin/io/base_protocol.hpp>
#include <buskin/io/transport.hpp>

#include <cstddef>
#include <span>

namespace buskin::io {

class buffered_protocol : public base_protocol {
 public:
  buffered_protocol() noexcept : base_protocol(kind::buffered) {}

  /// Where the next bytes are to go. `hint` is a size that would do well; an empty buffer is an
  /// error that ends the connection. May be called without a buffer_updated after it. It has to be
  /// valid until the next callback, before which it is written to, or not at all.
  virtual std::span<char> get_buffer(std::size_t hint) = 0;
  /// The first `count` bytes of that buffer have been received.
  virtual void buffer_updated(std::size_t count) = 0;
};

}  // namespace buskin::io
