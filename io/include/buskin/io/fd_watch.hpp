// Waits until a descriptor can be read or written, for libraries that do the reading and writing
// themselves. asyncio's add_reader and add_writer, awaited.
#pragma once

#include <buskin/io/detail/fd_watch_core.hpp>

#include <memory>
#include <source_location>

namespace buskin::io {

/// A watch over a descriptor that stays the caller's; copies refer to the same one, and the last
/// one ends it. It holds a duplicate: what is behind the descriptor stays open until the watch has
/// ended, too. Used in tasks of its runtime; with several workers, a task that waits stays on the
/// watch's worker from then on.
///
/// One task waits for reading and one for writing at a time; another gets invalid_state. Any number
/// of watches of one descriptor.
class fd_watch {
 public:
  fd_watch() noexcept = default;
  /// Inside a running runtime. The descriptor may block or not. Throws std::system_error for what
  /// is no open descriptor, and for what cannot be waited for: a regular file.
  explicit fd_watch(int descriptor);

  explicit operator bool() const noexcept { return owner_ != nullptr; }

  /// Waits until a read would not block: there are bytes, the end, or an error. Others have their
  /// turn, even when that is so already. Cancellation: nothing is lost. Fails with
  /// std::system_error (operation_canceled) when the watch is closed.
  detail::fd_wait readable(std::source_location where = std::source_location::current()) const {
    return {core(), detail::fd_watch_core::direction::read, where};
  }
  /// The same for a write: there is room, or an error.
  detail::fd_wait writable(std::source_location where = std::source_location::current()) const {
    return {core(), detail::fd_watch_core::direction::write, where};
  }

  /// Ends the watch, and the waits. The caller's descriptor stays open.
  void close() const;
  /// The number that was given.
  int descriptor() const { return core()->given(); }

 private:
  const std::shared_ptr<detail::fd_watch_core>& core() const;

  std::shared_ptr<detail::fd_watch_owner> owner_;
};

}  // namespace buskin::io
