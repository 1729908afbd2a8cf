// Operations of a stream that do not wait, from any thread of its runtime.
#pragma once

#include <buskin/io/detail/stream_core.hpp>
#include <buskin/runtime/detail/scheduler.hpp>

#include <memory>

namespace buskin::io::detail {

/// Calls it now on the core's worker, else soon.
template <class Operation>
void on_home(const std::shared_ptr<stream_core>& core, Operation operation) {
  if (here.worker == &core->home())
    operation(*core);
  else
    post_function(core->home(), [core, operation] { operation(*core); });
}

}  // namespace buskin::io::detail
