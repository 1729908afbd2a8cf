// An open file as the threads of a pool see it: calls that block, and finish what they begin.
//
// Not for a worker's thread. What always holds: one thread at a time; a call that waits for
// somebody else (the other end of a FIFO, a terminal) ends when a stop is requested, one on a
// regular file when the kernel is done.
#pragma once

#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/io/file_status.hpp>
#include <buskin/io/open_options.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

namespace buskin::io::detail {

class open_file {
 public:
  open_file(const std::filesystem::path& path, const open_options& options, std::stop_token stop);
  open_file(unique_descriptor descriptor, std::filesystem::path path);

  /// Until `size` bytes are there or the file ends; of what is no regular file what there is. 0 at
  /// the end.
  std::size_t read(char* target, std::size_t size, std::stop_token stop);
  std::size_t read_at(std::uint64_t offset, char* target, std::size_t size, std::stop_token stop);
  std::string read(std::size_t most, std::stop_token stop);
  std::string read_at(std::uint64_t offset, std::size_t most, std::stop_token stop);
  /// To the end. Throws limit_overrun, and has consumed nothing then.
  std::string read_all(std::size_t limit, std::stop_token stop);
  /// What was read last, and nobody got, is read again by the next.
  void unread(std::string_view bytes);

  void write(std::string_view bytes, std::stop_token stop);
  void write_at(std::uint64_t offset, std::string_view bytes);

  std::uint64_t seek(std::int64_t offset, int whence);
  void truncate(std::uint64_t size);
  void sync();
  void sync_data();
  file_status status() const;
  /// Throws what the file system only tells at the end. Closed it is in any case.
  void close();

  bool is_open() const noexcept { return static_cast<bool>(descriptor_); }
  int descriptor() const noexcept { return descriptor_.get(); }
  const std::filesystem::path& path() const noexcept { return path_; }
  bool seekable() const noexcept { return seekable_; }

 private:
  [[noreturn]] void fail(const char* operation) const;
  void check_open(const char* operation) const;
  void look_at_it();
  std::size_t read_now(char* target, std::size_t size, const std::stop_token& stop);

  unique_descriptor descriptor_;
  const std::filesystem::path path_;
  std::string unread_;    // of what cannot be sought in
  bool regular_ = false;  // reads and writes as much as it is asked to
  bool seekable_ = false;
  bool appends_ = false;
  bool awaits_writer_ = false;  // a FIFO whose other end nobody has opened yet
};

file_status status_of(const std::filesystem::path& path);

/// Waits until the descriptor is ready for `events` (of poll). False when a stop was requested.
bool wait_until_ready(int descriptor, short events, const std::stop_token& stop);

/// The file's name in quotes, for texts.
std::string quoted(const std::filesystem::path& path);

}  // namespace buskin::io::detail
