// Consistent overhead byte stuffing (Cheshire and Baker, 1999): packets without a zero, parted by
// zeros.
#pragma once

#include <buskin/io/codec.hpp>
#include <buskin/io/codec_counts.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace buskin::io {

struct cobs_options {
  /// Bytes of a packet, decoded. On the line it is longer by one in 254, and by the zero.
  std::size_t max_length = 65536;
};

/// A zero ends a packet, wherever the reader came in; further zeros are no packet. An empty packet
/// is sent as 01 00.
///
/// A packet whose count bytes point behind its end is reported as `bad_frame`, one that is too long
/// as `limit_overrun`; the next one survives. A stream that ends inside a packet is reported as
/// `incomplete_read` with that part, as it was sent. Damage that keeps the counts right is not
/// seen: put a check into the packet.
class cobs_codec {
 public:
  using frame_type = std::string;  ///< a packet, also an empty one

  explicit cobs_codec(cobs_options options = {});

  decoded<std::string> decode(std::string_view bytes, bool at_end);

  /// Throws `std::invalid_argument` for a packet longer than `max_length`.
  void encode(const std::string& packet, std::string& out) const;

  const codec_counts& counts() const noexcept { return counts_; }

 private:
  decoded<std::string> drop(std::size_t count);
  decoded<std::string> overrun(std::size_t consumed);
  decoded<std::string> decode_rest(std::string_view bytes, bool at_end);

  cobs_options options_;
  std::size_t max_encoded_;  // bytes before the zero of the longest packet
  codec_counts counts_;
  std::size_t scanned_ = 0;  // so many bytes at the front are not zero
  bool skipping_ = false;    // inside a packet that was reported as too long
};

}  // namespace buskin::io
