// The other process, or the way to it, is gone.
#pragma once

#include <buskin/runtime/errors.hpp>

namespace buskin::io {

/// What a request to an actor of another node fails with when that node cannot be reached (any
/// more); and why such an actor ends here. Whether the request was carried out is not known. The
/// text says which node, and what was seen of its end.
class node_down : public request_failed {
 public:
  using request_failed::request_failed;
};

}  // namespace buskin::io

namespace buskin {
using io::node_down;
}
