// Directories that go with their owner, and everything in them.
#pragma once

#include <buskin/io/temp_options.hpp>
#include <buskin/runtime/task.hpp>

#include <filesystem>
#include <memory>
#include <source_location>

namespace buskin::io {

/// A handle to a new directory that nobody else may enter; copies refer to the same one. When the
/// last goes it is removed with everything in it, without waiting; a process that is killed leaves
/// it behind.
class temp_directory {
 public:
  temp_directory() noexcept = default;

  /// Makes one. Fails as temp_file::create does. Cancellation: leaves none.
  static task<temp_directory> create(temp_options options = {},
                                     std::source_location where = std::source_location::current());

  explicit operator bool() const noexcept { return owner_ != nullptr; }
  const std::filesystem::path& path() const;

  /// Removes it now. Fails with std::system_error when something in it cannot be removed.
  task<void> remove(std::source_location where = std::source_location::current()) const;
  /// It stays when the last handle goes.
  void keep() const;

 private:
  class owner;
  explicit temp_directory(std::shared_ptr<owner> made) noexcept : owner_(std::move(made)) {}
  owner& self() const;

  std::shared_ptr<owner> owner_;
};

}  // namespace buskin::io
