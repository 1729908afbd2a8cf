// A bad line, for tests: what comes through it is cut up, delayed, lost and damaged, by a seed.
#pragma once

#include <buskin/io/stream.hpp>
#include <buskin/runtime/clock.hpp>

#include <cstddef>
#include <cstdint>

namespace buskin::io {

/// What happens to the bytes that are read through it; those that are written pass unharmed. The
/// chances are from 0 to 1. The same seed does the same to the same bytes, however they arrive.
struct lossy_options {
  std::uint64_t seed = 1;
  double drop = 0;   ///< chance of a byte to be lost
  double flip = 0;   ///< chance of a byte to have one of its bits turned over
  double split = 0;  ///< chance of a read to yield one byte, and not all that are there
  /// Bytes that are kept back until there are so many of them, or no more come, or `patience` is
  /// over since the first; at most 64 KiB.
  std::size_t merge = 0;
  duration patience = std::chrono::milliseconds(100);
  /// The longest time that what arrives is kept back, of the runtime's clock; each time is chosen.
  duration delay{};
};

/// A stream over `below`, whose only reader it becomes; closing it closes that. Inside a running
/// runtime, on the worker of `below`. Throws invalid_state while somebody reads `below`,
/// std::invalid_argument for chances that are none, and more than 64 KiB to merge.
stream lossy_stream(stream below, lossy_options options);

}  // namespace buskin::io
