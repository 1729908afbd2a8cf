// Whole files, and names of files, in one go.
#pragma once

#include <buskin/io/file_status.hpp>
#include <buskin/runtime/task.hpp>

#include <cstddef>
#include <filesystem>
#include <source_location>
#include <string>

namespace buskin::io {

// Each runs as one job in the runtime's default executor. All fail with std::system_error, the path
// in its text. Cancellation: not begun it never happens; under way it is finished by its thread.

/// Yields what is in the file. Throws limit_overrun when that is more than `limit` bytes.
task<std::string> read_all(std::filesystem::path path, std::size_t limit = std::size_t{1} << 30,
                           std::source_location where = std::source_location::current());

/// Writes a file in place; what was in it is gone. Who reads it, or a crash, may find a part of
/// `bytes`: see `replace`.
task<void> write_all(std::filesystem::path path, std::string bytes,
                     std::source_location where = std::source_location::current());

/// Adds to the end of a file, which is made when it is missing.
task<void> append(std::filesystem::path path, std::string bytes,
                  std::source_location where = std::source_location::current());

/// Puts a file with these contents in the place of the present one, if there is one. Whoever opens
/// it, at any moment, also after a crash or a power cut, finds the old contents or the new ones,
/// whole. It keeps its permissions and, where that is allowed, its owner; a symbolic link stays and
/// what it leads to is replaced. When it is done the device has it.
///
/// A crash in the middle may leave a file ".NAME.….tmp" beside it. Not for what is no regular file
/// (std::invalid_argument).
task<void> replace(std::filesystem::path path, std::string bytes,
                   std::source_location where = std::source_location::current());

/// Follows symbolic links.
task<file_status> stat(std::filesystem::path path,
                       std::source_location where = std::source_location::current());

/// Removes a file or an empty directory. False when there was none.
task<bool> remove(std::filesystem::path path,
                  std::source_location where = std::source_location::current());

}  // namespace buskin::io
