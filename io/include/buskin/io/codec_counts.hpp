// What became of the bytes that a codec was shown.
#pragma once

#include <cstdint>

namespace buskin::io {

/// Counted from the codec's start. Each is the same however the bytes were cut.
struct codec_counts {
  std::uint64_t frames = 0;   ///< delivered
  std::uint64_t errors = 0;   ///< reported
  std::uint64_t dropped = 0;  ///< bytes of what was reported, and garbage between frames

  bool operator==(const codec_counts&) const = default;
};

}  // namespace buskin::io
