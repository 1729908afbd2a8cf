// How the lines of a file are read.
#pragma once

#include <cstddef>

namespace buskin::io {

/// What becomes of a last line that has no ending (yet).
enum class unfinished_line {
  deliver,  ///< it counts as a line
  keep      ///< it waits for its end: for a file that somebody still writes
};

struct line_reader_options {
  /// Bytes of a line, its ending not counted.
  std::size_t max_length = 1024 * 1024;
  /// Bytes read at once; up to four such pieces are in memory.
  std::size_t piece = 256 * 1024;
  unfinished_line unfinished = unfinished_line::deliver;
};

}  // namespace buskin::io
