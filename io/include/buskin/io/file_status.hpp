// What the file system knows of a file.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

namespace buskin::io {

struct file_status {
  using time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

  std::filesystem::file_type type = std::filesystem::file_type::none;
  std::uint64_t size = 0;  ///< bytes
  std::filesystem::perms permissions = std::filesystem::perms::none;
  time modified;
  time accessed;
  time changed;  ///< the last change of its contents, permissions, owner or names
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
  std::uint64_t device = 0;  ///< with `inode` the file's identity, whatever its names are
  std::uint64_t inode = 0;
  std::uint64_t links = 0;

  bool is_regular() const noexcept { return type == std::filesystem::file_type::regular; }
  bool is_directory() const noexcept { return type == std::filesystem::file_type::directory; }
  bool same_file(const file_status& other) const noexcept {
    return device == other.device && inode == other.inode;
  }
};

}  // namespace buskin::io
