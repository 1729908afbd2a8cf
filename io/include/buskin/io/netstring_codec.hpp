// Netstrings (D. J. Bernstein, 1997): "12:hello world!,".
#pragma once

#include <buskin/io/codec.hpp>
#include <buskin/io/codec_counts.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace buskin::io {

struct netstring_options {
  /// Bytes between ':' and ','.
  std::size_t max_length = 65536;
};

/// A decimal length without leading zeros, ':', so many bytes, ','.
///
/// A length that is none or is over the limit, and a missing ',', are `framing_lost`: a payload may
/// hold what looks like a netstring, so there is no way back into step. A stream that ends inside
/// one is reported as `incomplete_read` with that part, its length included.
class netstring_codec {
 public:
  using frame_type = std::string;  ///< a payload, also an empty one

  explicit netstring_codec(netstring_options options = {});

  decoded<std::string> decode(std::string_view bytes, bool at_end);

  /// Throws `std::invalid_argument` for a payload longer than `max_length`.
  void encode(const std::string& payload, std::string& out) const;

  const codec_counts& counts() const noexcept { return counts_; }

 private:
  decoded<std::string> lost(std::size_t consumed, const std::string& why);

  netstring_options options_;
  codec_counts counts_;
};

}  // namespace buskin::io
