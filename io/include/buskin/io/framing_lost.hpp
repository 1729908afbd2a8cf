// A fault in the bytes that costs the stream.
#pragma once

#include <stdexcept>

namespace buskin::io {

/// Nobody can tell any more where a frame begins: each later read of the same `framed` throws this
/// again. Close the stream, and connect anew if there is somebody to connect to.
class framing_lost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace buskin::io
