// The lines of a file, read ahead in large pieces.
//
// While the lines of one piece are handed out, without waiting, a thread of the pool reads the
// next.
#pragma once

#include <buskin/io/detail/line_source.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string_view>

namespace buskin::io {

namespace detail {

/// `co_await lines.next()`: takes the line that is here already, else waits for one.
class line_awaiter {
 public:
  line_awaiter(line_source& from, const std::source_location& where) noexcept
      : from_(from), where_(where) {}
  bool await_ready() {
    if (from_.take()) return true;
    return waiting_.emplace(from_, where_).await_ready();
  }
  bool await_suspend(std::coroutine_handle<> handle) { return waiting_->await_suspend(handle); }
  std::optional<std::string_view> await_resume() {
    return waiting_ ? waiting_->await_resume() : from_.line();
  }

 private:
  line_source& from_;
  std::source_location where_;
  std::optional<line_wait> waiting_;
};

}  // namespace detail

/// Reads the lines of a file; made by file::lines. Used by one task at a time; must outlive the
/// awaits on it. It keeps the file open.
class line_reader {
 public:
  line_reader(std::shared_ptr<detail::file_line> file, line_reader_options options)
      : source_(std::make_unique<detail::line_source>(std::move(file), options)) {}

  /// Awaits the next line, without its '\n' and one '\r' before that; the text is good until the
  /// next call. None at the end of the file; another call looks whether the file has grown. A last
  /// line without an ending counts, unless the options say otherwise. Others have a turn at least
  /// once in a piece.
  ///
  /// Throws limit_overrun for a line that is too long; the next call goes on behind that.
  /// std::system_error when the file cannot be read. Cancellation: loses no line.
  detail::line_awaiter next(std::source_location where = std::source_location::current()) {
    return {*source_, where};
  }

  /// Where in the file the line that was handed out last ends. The position of the file itself
  /// stays where it was when the first line was asked for, if the file can be sought in; in what
  /// cannot, the reader is ahead.
  std::uint64_t position() const noexcept { return source_->position(); }

 private:
  std::unique_ptr<detail::line_source> source_;
};

}  // namespace buskin::io
