// A task as the task factory sees it.
#pragma once

#include <cstdint>
#include <source_location>
#include <string>

namespace buskin {

/// A task that was just created and has not begun, as the task factory sees it.
struct new_task {
  std::uint64_t id = 0;
  std::string name;  ///< may be changed; when it is made empty the task keeps the one it has
  std::source_location where;
};

}  // namespace buskin
