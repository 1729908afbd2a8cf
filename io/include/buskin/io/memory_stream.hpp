// Two connected streams in memory, for tests and for actors that talk bytes to each other in one
// process.
#pragma once

#include <buskin/io/stream.hpp>

#include <cstddef>
#include <utility>

namespace buskin::io {

/// Makes two streams; what is written to one is read from the other, at most `capacity` bytes under
/// way each way. They behave as a socket does: reads wait for bytes, writes for room, a closed end
/// is the other's end of stream. Inside a running runtime.
std::pair<stream, stream> memory_stream(std::size_t capacity = 64 * 1024);

}  // namespace buskin::io
