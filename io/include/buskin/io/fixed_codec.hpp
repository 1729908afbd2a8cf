// Records that are all of one size.
#pragma once

#include <buskin/io/codec.hpp>
#include <buskin/io/codec_counts.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace buskin::io {

/// Cuts the stream into records of `size` bytes. Nothing marks them: a byte lost on the way shifts
/// all that follow, and no codec can know.
///
/// A stream that ends inside a record is reported as `incomplete_read` with that part.
class fixed_codec {
 public:
  using frame_type = std::string;  ///< `size` bytes

  /// Throws `std::invalid_argument` if `size` is 0.
  explicit fixed_codec(std::size_t size);

  decoded<std::string> decode(std::string_view bytes, bool at_end);

  /// Throws `std::invalid_argument` for a record of another size.
  void encode(const std::string& record, std::string& out) const;

  std::size_t size() const noexcept { return size_; }
  const codec_counts& counts() const noexcept { return counts_; }

 private:
  std::size_t size_;
  codec_counts counts_;
};

}  // namespace buskin::io
