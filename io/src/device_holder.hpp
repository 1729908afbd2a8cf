// Who has a device open.
#pragma once

#include <string>

namespace buskin::io::detail {

/// For texts: "process 1234 (minicom) uses it"; without a number when that cannot be found out.
std::string holder_of(const std::string& path);

}  // namespace buskin::io::detail
