// Frames that begin with their length.
#pragma once

#include <buskin/io/codec.hpp>
#include <buskin/io/codec_counts.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace buskin::io {

enum class byte_order { big_endian, little_endian };

/// What the number in front counts.
enum class length_of {
  payload,      ///< the bytes behind it
  whole_frame,  ///< itself as well
};

struct length_prefixed_options {
  /// Size of the number: 1 to 8 bytes.
  std::size_t length_bytes = 4;
  byte_order order = byte_order::big_endian;
  length_of counted = length_of::payload;
  /// Bytes of a payload.
  std::size_t max_length = 1024 * 1024;
};

/// A number and so many bytes, as Erlang's `{packet, N}`.
///
/// A number over the limit, or less than its own size where it counts itself, is `framing_lost`:
/// what it says of the next frame cannot be trusted, and nothing else marks one. Memory is taken
/// for bytes that came, never for bytes that were announced.
///
/// A stream that ends inside a frame is reported as `incomplete_read` with that part, its number
/// included.
class length_prefixed_codec {
 public:
  using frame_type = std::string;  ///< a payload, also an empty one

  /// Throws `std::invalid_argument` if `length_bytes` is not 1 to 8.
  explicit length_prefixed_codec(length_prefixed_options options = {});

  decoded<std::string> decode(std::string_view bytes, bool at_end);

  /// Throws `std::invalid_argument` when the payload is longer than `max_length` or than the
  /// number can say.
  void encode(const std::string& payload, std::string& out) const;

  const codec_counts& counts() const noexcept { return counts_; }

 private:
  std::uint64_t read_number(std::string_view bytes) const;
  decoded<std::string> lost(const std::string& why);

  length_prefixed_options options_;
  codec_counts counts_;
};

}  // namespace buskin::io
