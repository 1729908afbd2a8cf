#include <buskin/io/detail/broken_frame.hpp>
#include <buskin/io/netstring_codec.hpp>

#include <stdexcept>

namespace buskin::io {

static_assert(codec<netstring_codec>);

netstring_codec::netstring_codec(netstring_options options) : options_(options) {}

decoded<std::string> netstring_codec::decode(std::string_view bytes, bool at_end) {
  std::size_t length = 0;
  std::size_t at = 0;
  for (; at < bytes.size() && bytes[at] != ':'; ++at) {
    if (bytes[at] < '0' || bytes[at] > '9')
      return lost(at + 1, "a byte that is no digit in a length");
    if (at > 0 && length == 0) return lost(at + 1, "a length with a leading zero");
    const auto digit = static_cast<std::size_t>(bytes[at] - '0');
    if (digit > options_.max_length || length > (options_.max_length - digit) / 10) {
      return lost(at + 1, "a length over the " + std::to_string(options_.max_length) +
                              " bytes that are allowed (netstring_options::max_length)");
    }
    length = length * 10 + digit;
  }
  if (at == bytes.size()) return detail::unfinished_frame(bytes, at + 2, at_end, counts_);
  if (at == 0) return lost(1, "no digit before ':'");
  const auto payload = bytes.substr(at + 1);
  if (payload.size() <= length)
    return detail::unfinished_frame(bytes, at + 1 + length + 1, at_end, counts_);
  const auto size = at + 1 + length + 1;
  if (payload[length] != ',')
    return lost(size, "no ',' behind " + std::to_string(length) + " bytes");
  ++counts_.frames;
  return {.consumed = size, .frame = std::string(payload.substr(0, length))};
}

decoded<std::string> netstring_codec::lost(std::size_t consumed, const std::string& why) {
  return detail::no_next_frame(
      consumed,
      "netstring_codec: " + why + "; where the next netstring begins is unknown, close the stream",
      counts_);
}

void netstring_codec::encode(const std::string& payload, std::string& out) const {
  if (payload.size() > options_.max_length) {
    throw std::invalid_argument("netstring_codec: a payload to send has " +
                                std::to_string(payload.size()) + " bytes, more than the " +
                                std::to_string(options_.max_length) + " that are allowed");
  }
  out.append(std::to_string(payload.size())).append(":").append(payload).append(",");
}

}  // namespace buskin::io
