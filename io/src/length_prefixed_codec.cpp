#include <buskin/io/detail/broken_frame.hpp>
#include <buskin/io/length_prefixed_codec.hpp>

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace buskin::io {

static_assert(codec<length_prefixed_codec>);

length_prefixed_codec::length_prefixed_codec(length_prefixed_options options) : options_(options) {
  if (options.length_bytes < 1 || options.length_bytes > 8) {
    throw std::invalid_argument("length_prefixed_codec: a length of " +
                                std::to_string(options.length_bytes) +
                                " bytes; it can have 1 to 8");
  }
}

decoded<std::string> length_prefixed_codec::decode(std::string_view bytes, bool at_end) {
  const auto prefix = options_.length_bytes;
  if (bytes.size() < prefix) return detail::unfinished_frame(bytes, prefix, at_end, counts_);
  auto length = read_number(bytes.substr(0, prefix));
  if (options_.counted == length_of::whole_frame) {
    if (length < prefix)
      return lost("a length of " + std::to_string(length) + ", less than its own size");
    length -= prefix;
  }
  if (length > options_.max_length) {
    return lost("a frame of " + std::to_string(length) + " bytes is announced, more than the " +
                std::to_string(options_.max_length) +
                " that are allowed (length_prefixed_options::max_length)");
  }
  const auto size = static_cast<std::size_t>(length);
  if (bytes.size() - prefix < size)
    return detail::unfinished_frame(bytes, prefix + size, at_end, counts_);
  ++counts_.frames;
  return {.consumed = prefix + size, .frame = std::string(bytes.substr(prefix, size))};
}

std::uint64_t length_prefixed_codec::read_number(std::string_view bytes) const {
  std::uint64_t number = 0;
  const auto take = [&](char c) { number = number << 8 | static_cast<unsigned char>(c); };
  if (options_.order == byte_order::big_endian)
    std::for_each(bytes.begin(), bytes.end(), take);
  else
    std::for_each(bytes.rbegin(), bytes.rend(), take);
  return number;
}

decoded<std::string> length_prefixed_codec::lost(const std::string& why) {
  return detail::no_next_frame(options_.length_bytes,
                               "length_prefixed_codec: " + why +
                                   "; where the next frame begins is unknown, close the stream",
                               counts_);
}

void length_prefixed_codec::encode(const std::string& payload, std::string& out) const {
  const auto prefix = options_.length_bytes;
  const auto highest = std::numeric_limits<std::uint64_t>::max() >> (64 - 8 * prefix);
  const auto own = options_.counted == length_of::whole_frame ? prefix : 0;
  const auto most = std::min<std::uint64_t>(options_.max_length, highest - own);
  if (payload.size() > most) {
    throw std::invalid_argument("length_prefixed_codec: a payload to send has " +
                                std::to_string(payload.size()) + " bytes, more than the " +
                                std::to_string(most) + " that are allowed");
  }
  const std::uint64_t length = payload.size() + own;
  for (std::size_t i = 0; i < prefix; ++i) {
    const auto place = options_.order == byte_order::big_endian ? prefix - 1 - i : i;
    out += static_cast<char>(length >> (8 * place) & 0xff);
  }
  out += payload;
}

}  // namespace buskin::io
