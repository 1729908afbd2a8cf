// Operations of a stream that do not wait, from any thread, also after its runtime.
#pragma once

#include <buskin/io/detail/stream_core.hpp>

#include <memory>

namespace buskin::io::detail {

/// Calls it now on the core's worker, else soon; not at all when its runtime has gone.
template <class Operation>
void on_home(const std::shared_ptr<stream_core>& core, Operation operation) {
  if (core->is_home())
    operation(*core);
  else
    core->post_home([core, operation] { operation(*core); });
}

}  // namespace buskin::io::detail
