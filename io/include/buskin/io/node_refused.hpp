// The other end is not the node that was meant.
#pragma once

#include <stdexcept>

namespace buskin::io {

/// What connecting to a node throws when the other end is none, is another one, is of another
/// user, or does not take us; the text says which.
class node_refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace buskin::io
