// Tells what happens in directories: files that come, change, move and go.
#pragma once

#include <buskin/io/directory_event.hpp>
#include <buskin/runtime/task.hpp>

#include <filesystem>
#include <memory>
#include <source_location>

namespace buskin::io {

/// A watch over one or more directories; copies refer to the same one. Directories in them are not
/// watched. Used by one task at a time.
class directory_watch {
 public:
  directory_watch() noexcept = default;

  /// Watches a directory from now on: what happens after this is told, whenever it is asked for.
  /// Throws std::system_error, the path in its text: ENOENT, ENOTDIR, EACCES, ENOSPC or EMFILE when
  /// the system's limit of watches (fs.inotify) is reached. Cancellation: leaves no watch.
  static task<directory_watch> open(std::filesystem::path directory,
                                    std::source_location where = std::source_location::current());
  /// Watches another one as well. Moves from one to the other are one event.
  task<void> add(std::filesystem::path directory,
                 std::source_location where = std::source_location::current()) const;

  explicit operator bool() const noexcept { return state_ != nullptr; }

  /// Awaits the next event. A move out of or into what is watched is told some milliseconds later.
  /// Throws invalid_state when no directory is left to be watched, or while another task waits.
  /// Cancellation: loses no event.
  task<directory_event> next(std::source_location where = std::source_location::current()) const;

 private:
  struct state;
  explicit directory_watch(std::shared_ptr<state> made) noexcept : state_(std::move(made)) {}
  const std::shared_ptr<state>& self() const;

  std::shared_ptr<state> state_;
};

}  // namespace buskin::io
