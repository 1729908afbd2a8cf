// How a file is opened.
#pragma once

#include <filesystem>
#include <string_view>

namespace buskin::io {

struct open_options {
  bool read = true;
  bool write = false;
  bool append = false;     ///< each write goes to the end, wherever that is by then; implies write
  bool create = false;     ///< a missing file is made
  bool exclusive = false;  ///< the file must not be there yet; implies create
  bool truncate = false;   ///< what is in it is dropped
  /// Of a file that is made, less the process's umask.
  std::filesystem::perms permissions = static_cast<std::filesystem::perms>(0666);

  /// Python's modes: "r", "w", "a", "x", each with "+" for reading and writing; a "b" is taken and
  /// means nothing. Throws std::invalid_argument for anything else.
  static open_options from_mode(std::string_view mode);
};

}  // namespace buskin::io
