// What codecs of whole frames report of bytes that are none, and how they count them.
#pragma once

#include <buskin/io/codec.hpp>
#include <buskin/io/codec_counts.hpp>
#include <buskin/io/framing_lost.hpp>
#include <buskin/runtime/errors.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

namespace buskin::io::detail {

/// The front of a frame of `expected` bytes at least: more is needed, or, at the end, will not come.
inline decoded<std::string> unfinished_frame(std::string_view bytes, std::size_t expected,
                                             bool at_end, codec_counts& counts) {
  if (!at_end || bytes.empty()) return {};
  ++counts.errors;
  counts.dropped += bytes.size();
  return {.consumed = bytes.size(),
          .error = std::make_exception_ptr(incomplete_read(std::string(bytes), expected))};
}

/// There is no way back into step with the sender.
inline decoded<std::string> no_next_frame(std::size_t consumed, const std::string& why,
                                          codec_counts& counts) {
  ++counts.errors;
  counts.dropped += consumed;
  return {.consumed = consumed, .error = std::make_exception_ptr(framing_lost(why)), .lost = true};
}

}  // namespace buskin::io::detail
