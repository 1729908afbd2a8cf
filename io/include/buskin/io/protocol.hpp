// A connection in callbacks. asyncio's Protocol.
#pragma once

#include <buskin/io/base_protocol.hpp>
#include <buskin/io/transport.hpp>

#include <string_view>

namespace buskin::io {

class protocol : public base_protocol {
 public:
  protocol() noexcept : base_protocol(kind::plain) {}

  /// What has arrived, 1 byte to 64 KiB; however the peer cut it, that is not kept. `bytes` is
  /// valid during the call.
  virtual void data_received(std::string_view bytes) = 0;
};

}  // namespace buskin::io
