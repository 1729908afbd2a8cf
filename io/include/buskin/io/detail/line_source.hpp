// What a line_reader is inside: the piece whose lines are handed out, and those that are read
// meanwhile.
//
// What always holds: the reads under way are of the pieces that follow the present one, in order;
// the line that was handed out lies in the present piece, or in `joined_` when it began in one
// before.
#pragma once

#include <buskin/io/detail/file_line.hpp>
#include <buskin/io/line_reader_options.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>

namespace buskin::io::detail {

/// A piece of a file.
struct file_piece {
  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;
  std::uint64_t offset = 0;
  bool last = false;  // as far as could be seen, the file ends here
};

class line_source {
 public:
  enum class step { line, more, end, overrun };

  line_source(std::shared_ptr<file_line> file, line_reader_options options);
  ~line_source();
  line_source(const line_source&) = delete;
  line_source& operator=(const line_source&) = delete;

  /// Takes a line that lies in the present piece as a whole.
  bool take() noexcept {
    if (!plain_) return false;
    const auto* end =
        static_cast<const char*>(std::memchr(at_, '\n', static_cast<std::size_t>(end_ - at_)));
    if (end == nullptr) return false;
    const auto size = static_cast<std::size_t>(end - at_);
    if (size > options_.max_length) return false;
    line_ = std::string_view(at_, size != 0 && end[-1] == '\r' ? size - 1 : size);
    at_ = end + 1;
    return true;
  }
  const std::string_view& line() const noexcept { return line_; }
  std::uint64_t position() const noexcept;

  /// The same in all cases.
  step advance();
  [[noreturn]] void throw_overrun() const;

  using reading = file_job<file_piece>;
  /// The read of the next piece; begins it if need be. Throws what the pool throws.
  reading& ahead(const std::source_location& where);
  /// Takes over what it got. Throws why it failed.
  void accept(const std::source_location& where);

  bool in_use = false;  // somebody waits

 private:
  // Of what can be sought in. With one the thread would sleep while the lines of a piece are handed
  // out, and its waking up takes as long as that.
  static constexpr std::size_t most_ahead = 2;

  void begin(const std::source_location& where);
  step hand_out(std::string_view line);
  step at_the_end();
  void drop_ahead() noexcept;

  const std::shared_ptr<file_line> file_;
  const line_reader_options options_;
  file_piece piece_;
  const char* at_;  // in piece_: what was not handed out yet
  const char* end_;
  std::string_view line_;
  std::string joined_;     // the beginning of the line, from pieces before, or all of it
  bool plain_ = true;      // joined_ is empty, and nothing is skipped
  bool handed_ = false;    // joined_ is the line that was handed out
  bool skipping_ = false;  // inside a line that was too long
  bool seen_end_ = false;  // behind this piece the file ended
  std::optional<std::uint64_t> next_offset_;  // of the read that is begun next, once it is known
  std::unique_ptr<char[]> spare_;
  std::deque<reading*> ahead_;  // one reference to each is ours
};

/// Waits for a line that is not here yet.
class [[nodiscard("nothing happens until it is awaited")]] line_wait final : public wait {
 public:
  line_wait(line_source & from, const std::source_location& where) noexcept
      : wait(wait_kind::read, where), from_(from) {}
  ~line_wait();
  bool ready() noexcept override;
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  std::optional<std::string_view> await_resume();

 private:
  void go_on() noexcept;
  void look();
  void stop_waiting() noexcept;

  line_source& from_;
  stack_host* host_ = nullptr;
  line_source::reading* awaited_ = nullptr;
  worker* holding_time_of_ = nullptr;
  std::exception_ptr failure_;
  bool entered_ = false;
  bool done_ = false;
  bool found_ = false;
};

}  // namespace buskin::io::detail
