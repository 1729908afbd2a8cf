// What of a file is sent, and how.
#pragma once

#include <cstdint>
#include <optional>

namespace buskin::io {

/// What `stream::send_file` does where the system cannot send the file by itself.
enum class send_file_fallback : std::uint8_t {
  copy,  ///< reads it and writes it
  none   ///< fails with std::system_error: operation_not_supported, or the system's first error
};

struct send_file_options {
  std::uint64_t offset = 0;              ///< from the file's beginning, wherever its position is
  std::optional<std::uint64_t> count{};  ///< bytes, fewer when the file ends; to its end
  send_file_fallback fallback = send_file_fallback::copy;
};

}  // namespace buskin::io
