// Where temporary files and directories are made, and what they are called.
#pragma once

#include <filesystem>
#include <string>

namespace buskin::io {

struct temp_options {
  /// Empty: the system's (TMPDIR, else /tmp).
  std::filesystem::path directory;
  /// The name is the prefix, six characters that nobody guesses, and the suffix.
  std::string prefix = "tmp";
  std::string suffix;
};

}  // namespace buskin::io
