// Files that go with their owner.
#pragma once

#include <buskin/io/file.hpp>
#include <buskin/io/temp_options.hpp>
#include <buskin/runtime/task.hpp>

#include <source_location>

namespace buskin::io {

/// A new file that nobody else may read or write, open for both. It is removed when the last handle
/// goes, without waiting; a process that is killed leaves it behind.
class temp_file : public file {
 public:
  using file::file;

  /// Makes one. Fails with std::system_error, the directory in its text; std::invalid_argument for
  /// a prefix or suffix with a '/' in it. Cancellation: leaves none.
  static task<temp_file> create(temp_options options = {},
                                std::source_location where = std::source_location::current());

  /// It stays when the last handle goes.
  void keep() const;
};

}  // namespace buskin::io
