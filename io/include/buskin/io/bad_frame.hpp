// A fault in the bytes that costs one frame.
#pragma once

#include <stdexcept>

namespace buskin::io {

/// A frame broke the rules of its format. It was dropped and its end is known: reading can go on.
class bad_frame : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace buskin::io
