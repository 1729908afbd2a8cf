// Records that end with a delimiter of one or more bytes.
#pragma once

#include <buskin/io/codec.hpp>
#include <buskin/io/codec_counts.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace buskin::io {

/// What the bytes behind the last delimiter are when the stream ends.
enum class last_record {
  needs_delimiter,  ///< half a record: reported as `incomplete_read`
  may_be_bare,      ///< a record, unless there are none
};

struct delimiter_options {
  std::string delimiter = "\n";
  /// Bytes of a record, its delimiter not counted.
  std::size_t max_length = 65536;
  last_record at_the_end = last_record::needs_delimiter;
};

/// Splits at each delimiter and looks at the bytes no further: two delimiters in a row are an empty
/// record. For text lines, with their two endings, take `line_codec`.
///
/// A record longer than `max_length` is reported once as `limit_overrun`, as soon as that is
/// certain, and exactly this record is dropped, however long it becomes.
class delimiter_codec {
 public:
  using frame_type = std::string;  ///< a record without its delimiter

  /// Throws `std::invalid_argument` for an empty delimiter.
  explicit delimiter_codec(delimiter_options options = {});

  decoded<std::string> decode(std::string_view bytes, bool at_end);

  /// Throws `std::invalid_argument` when the record is longer than `max_length`, or when the
  /// delimiter would be found before the record's end.
  void encode(const std::string& record, std::string& out) const;

  const codec_counts& counts() const noexcept { return counts_; }

 private:
  decoded<std::string> decode_rest(std::string_view bytes);
  decoded<std::string> overrun(std::size_t consumed);
  std::size_t earliest_end(std::string_view bytes) const;

  delimiter_options options_;
  codec_counts counts_;
  std::size_t scanned_ = 0;  // no delimiter begins in so many bytes at the front
  bool skipping_ = false;    // inside a record that was reported as too long
};

}  // namespace buskin::io
