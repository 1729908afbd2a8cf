// Frames of several forms on one stream, each announced by a first byte: the tag. Small devices
// talk so, which mix text for people with records for programs.
#pragma once

#include <buskin/io/codec.hpp>
#include <buskin/io/codec_counts.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace buskin::io {

/// What follows a tag.
enum class tagged_form {
  length_byte,  ///< a byte N, then N bytes
  newline,      ///< bytes up to a '\n'
};

struct tagged_options {
  std::map<std::uint8_t, tagged_form> forms = {{1, tagged_form::length_byte},
                                               {2, tagged_form::newline}};
  /// Bytes of a body that ends with a newline. The others have 255 at most.
  std::size_t max_line = 65536;
};

struct tagged_frame {
  std::uint8_t tag = 0;
  std::string body;  ///< without length byte and newline

  bool operator==(const tagged_frame&) const = default;
};

/// A byte where a tag is due that is none is skipped, in silence: it shows in `counts().dropped`.
/// So a reader that came in the middle, or lost bytes, is in step again after a while; what it took
/// for frames until then is the caller's to doubt.
///
/// A line longer than `max_line` is reported once as `limit_overrun` and dropped up to its newline.
/// A stream that ends inside a frame is reported as `incomplete_read` with that part, its tag
/// included.
class tagged_codec {
 public:
  using frame_type = tagged_frame;

  explicit tagged_codec(tagged_options options = {});

  decoded<tagged_frame> decode(std::string_view bytes, bool at_end);

  /// Throws `std::invalid_argument` for a tag that has no form, a body that is too long for its
  /// form, or a newline inside a body that ends with one.
  void encode(const tagged_frame& frame, std::string& out) const;

  const codec_counts& counts() const noexcept { return counts_; }

 private:
  decoded<tagged_frame> drop(std::size_t count);
  decoded<tagged_frame> deliver(std::string_view whole, std::string_view body);
  decoded<tagged_frame> more(std::string_view bytes, std::size_t expected, bool at_end);
  decoded<tagged_frame> decode_sized(std::string_view bytes, bool at_end);
  decoded<tagged_frame> decode_line(std::string_view bytes, bool at_end);

  tagged_options options_;
  codec_counts counts_;
  std::size_t scanned_ = 0;  // so many bytes at the front hold no newline
  bool skipping_ = false;    // inside a line that was reported as too long
};

}  // namespace buskin::io
