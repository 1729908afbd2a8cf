// The names of threads, for debuggers and the system's tools.
#pragma once

#include <string>

namespace buskin::detail {

/// Names this thread, where the system has names for threads. Cut to what it takes.
void name_this_thread(const std::string& name) noexcept;

}  // namespace buskin::detail
