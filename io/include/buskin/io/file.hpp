// Files. Their operations block, so each runs in a thread of the runtime's default executor.
//
// What always holds: the operations of one file are done in the order in which they were asked for,
// one at a time, whoever asked; so two tasks that write do not mix what they write.
#pragma once

#include <buskin/io/detail/file_line.hpp>
#include <buskin/io/file_status.hpp>
#include <buskin/io/line_reader.hpp>
#include <buskin/io/open_options.hpp>
#include <buskin/runtime/lean_ref.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/actor.hpp>
#include <caf/atom.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>

namespace buskin::io {

// The message face. Offsets and sizes are std::uint64_t, bytes std::string. Requests are answered
// in order, failures as errors.
/// `(file_read, most)`: the bytes; none at the end.
using file_read = caf::atom_constant<caf::atom("bk.fread")>;
/// `(file_read_at, offset, most)`: the bytes.
using file_read_at = caf::atom_constant<caf::atom("bk.freadat")>;
/// `(file_read_all)`: the bytes to the end.
using file_read_all = caf::atom_constant<caf::atom("bk.fall")>;
/// `(file_write, bytes)`: nothing, when they were written.
using file_write = caf::atom_constant<caf::atom("bk.fwrite")>;
/// `(file_write_at, offset, bytes)`: nothing.
using file_write_at = caf::atom_constant<caf::atom("bk.fwritat")>;
/// `(file_seek, offset)`: the new position, from the beginning.
using file_seek = caf::atom_constant<caf::atom("bk.fseek")>;
/// `(file_truncate, size)`, `(file_sync)`, `(file_close)`: nothing.
using file_truncate = caf::atom_constant<caf::atom("bk.ftrunc")>;
using file_sync = caf::atom_constant<caf::atom("bk.fsync")>;
using file_close = caf::atom_constant<caf::atom("bk.fclose")>;
/// `(file_size)`: its size.
using file_size = caf::atom_constant<caf::atom("bk.fsize")>;

/// What a position is counted from.
enum class seek_from { beginning, position, end };

/// What `sync` waits for.
enum class sync_what { everything, data };

class file;

namespace detail {

class file_actor;

const std::shared_ptr<file_line>& line_of(const file& which);

/// What the last handle to a file lets go.
class file_owner {
 public:
  explicit file_owner(std::unique_ptr<open_file> opened);
  ~file_owner();
  file_owner(const file_owner&) = delete;
  file_owner& operator=(const file_owner&) = delete;

  const std::shared_ptr<file_line>& line() const noexcept { return line_; }
  caf::actor actor() const { return actor_.handle(); }
  /// To be called when the file was closed because the last handle went. Does not throw.
  std::function<void()> after;

 private:
  const std::shared_ptr<file_line> line_;
  lean_ref<lean_actor> actor_;  // a file_actor
};

}  // namespace detail

/// A handle to an open file; copies refer to the same one, and the last one closes it, without
/// waiting. Any thread of its runtime.
///
/// Where nothing else is said, an operation waits for those before it and for the kernel; fails
/// with std::system_error, the path in its text, or with invalid_state for a closed file. A
/// cancelled one lets go at once: not begun it never happens; under way it is finished by its
/// thread, before the next one. What a cancelled read got is read again by the next one; a
/// cancelled write has written all, or failed. Waiting for the other end of a FIFO or for a
/// terminal ends with the cancellation, a write to such perhaps in the middle.
class file {
 public:
  /// The most that is read at once, unless more is allowed.
  static constexpr std::size_t default_limit = std::size_t{1} << 30;

  file() noexcept = default;
  explicit file(std::shared_ptr<detail::file_owner> owner) noexcept : owner_(std::move(owner)) {}

  /// Opens a file; for reading, unless the options or the mode ("w", "r+", see
  /// open_options::from_mode) say otherwise. A FIFO is open for writing when somebody reads it, for
  /// reading at once: the first read waits. Throws std::system_error, the path in its text,
  /// std::invalid_argument for options that contradict each other. Cancellation: leaves no open
  /// file, perhaps a new, empty one.
  static task<file> open(std::filesystem::path path, open_options options = {},
                         std::source_location where = std::source_location::current());
  static task<file> open(std::filesystem::path path, std::string_view mode,
                         std::source_location where = std::source_location::current());

  explicit operator bool() const noexcept { return owner_ != nullptr; }

  // -- reading ----------------------------------------------------------------------------------

  /// Reads `most` bytes, fewer only when the file ends; of a FIFO or a terminal what there is. An
  /// empty string means the end.
  detail::file_wait<std::string> read(
      std::size_t most, std::source_location where = std::source_location::current()) const;
  /// The same from `offset` on; the position stays.
  detail::file_wait<std::string> read_at(
      std::uint64_t offset, std::size_t most,
      std::source_location where = std::source_location::current()) const;
  /// Reads to the end. Throws limit_overrun when there is more than `limit`; nothing is consumed
  /// then.
  detail::file_wait<std::string> read_all(
      std::size_t limit = default_limit,
      std::source_location where = std::source_location::current()) const;
  /// Reads lines from the present position on, ahead of who asks for them.
  line_reader lines(line_reader_options options = {}) const;

  // -- writing ----------------------------------------------------------------------------------

  /// Writes all of it.
  detail::file_wait<void> write(std::string bytes,
                                std::source_location where = std::source_location::current()) const;
  /// The same from `offset` on; the position stays. Not in a file that was opened to append.
  detail::file_wait<void> write_at(
      std::uint64_t offset, std::string bytes,
      std::source_location where = std::source_location::current()) const;
  /// Cuts it off, or fills it up with zeros.
  detail::file_wait<void> truncate(
      std::uint64_t size, std::source_location where = std::source_location::current()) const;
  /// Waits until the device has what was written.
  detail::file_wait<void> sync(sync_what what = sync_what::everything,
                               std::source_location where = std::source_location::current()) const;

  // -- where and what ---------------------------------------------------------------------------

  /// Yields the new position, from the beginning.
  detail::file_wait<std::uint64_t> seek(
      std::int64_t offset, seek_from from = seek_from::beginning,
      std::source_location where = std::source_location::current()) const;
  detail::file_wait<std::uint64_t> tell(
      std::source_location where = std::source_location::current()) const {
    return seek(0, seek_from::position, where);
  }
  detail::file_wait<file_status> stat(
      std::source_location where = std::source_location::current()) const;

  /// Closes it; fails with what the file system only tells now. A second time it does nothing.
  detail::file_wait<void> close(std::source_location where = std::source_location::current()) const;

  const std::filesystem::path& path() const;
  /// "file "/tmp/x"".
  std::string describe() const;
  caf::actor actor() const;

 protected:
  const std::shared_ptr<detail::file_owner>& owner() const;

 private:
  friend const std::shared_ptr<detail::file_line>& detail::line_of(const file& which);
  const std::shared_ptr<detail::file_line>& line() const { return owner()->line(); }

  std::shared_ptr<detail::file_owner> owner_;
};

}  // namespace buskin::io
