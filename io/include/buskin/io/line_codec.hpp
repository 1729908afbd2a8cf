// Text lines. An endless line costs no more memory than the longest one that is allowed.
#pragma once

#include <buskin/io/codec.hpp>
#include <buskin/io/codec_counts.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

namespace buskin::io {

/// What a '\r' without a '\n' behind it is.
enum class lone_cr {
  is_text,    ///< part of the line
  ends_line,  ///< the end of the line, as old terminals and some instruments send it
};

/// What `encode` puts behind a line.
enum class line_ending { lf, crlf, cr };

struct line_options {
  /// Bytes of a line that is read, its ending not counted.
  std::size_t max_length = 65536;
  lone_cr on_lone_cr = lone_cr::is_text;
  line_ending ending = line_ending::lf;
};

/// Splits at '\n' and takes one '\r' before it away. A last line without an ending is delivered at
/// the end of the stream (also without a '\r' at its very end: half of an ending that was cut off).
/// Bytes are not looked into further: a line may hold any byte, also zero.
///
/// A line longer than `max_length` is reported once as `limit_overrun`, as soon as that is certain,
/// and exactly this line is dropped, however long it becomes; the line after it survives.
class line_codec {
 public:
  using frame_type = std::string;  ///< a line without its ending

  explicit line_codec(line_options options = {});

  decoded<std::string> decode(std::string_view bytes, bool at_end);

  /// Throws `std::invalid_argument` when `line` holds what would end it early: a '\n', a '\r'
  /// where that ends lines, a '\r' at its end before `line_ending::lf`. A line may be longer than
  /// `max_length`: answers often are longer than commands. Of `line_ending::cr` it is assumed that
  /// the peer takes it for an ending.
  void encode(const std::string& line, std::string& out) const;

  const codec_counts& counts() const noexcept { return counts_; }

 private:
  std::size_t find_end(std::string_view bytes, std::size_t from) const;
  bool too_long(std::string_view open_line) const;
  decoded<std::string> overrun(std::size_t consumed, std::size_t before);
  // `before`: bytes at the front that belong to the ending of the line before.
  decoded<std::string> drop(std::size_t consumed, std::size_t before);

  line_options options_;
  codec_counts counts_;
  std::size_t scanned_ = 0;  // bytes at the front known to hold no line end: not searched twice
  bool skipping_ = false;    // inside a line that was reported as too long
  bool after_cr_ = false;    // a '\r' ended the last line: a '\n' right behind it belongs to it
};

}  // namespace buskin::io
