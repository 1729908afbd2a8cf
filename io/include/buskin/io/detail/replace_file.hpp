// What `replace` does, in a thread that may block.
#pragma once

#include <filesystem>
#include <string_view>

namespace buskin::io::detail {

void replace_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace buskin::io::detail
