#include <buskin/io/bad_frame.hpp>
#include <buskin/io/cobs_codec.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

namespace buskin::io {

static_assert(codec<cobs_codec>);

namespace {

constexpr std::size_t longest_block = 254;  // bytes behind one count byte

// A count byte says where the next one is. Each stands for a zero, except the first and one
// behind a full block.
std::optional<std::string> unstuffed(std::string_view bytes) {
  std::string packet;
  packet.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t block = static_cast<unsigned char>(bytes.front());
    if (block > bytes.size()) return std::nullopt;
    packet += bytes.substr(1, block - 1);
    bytes.remove_prefix(block);
    if (block <= longest_block && !bytes.empty()) packet += '\0';
  }
  return packet;
}

}  // namespace

cobs_codec::cobs_codec(cobs_options options)
    : options_(options),
      max_encoded_(options.max_length +
                   std::min(options.max_length / longest_block + 1,
                            std::numeric_limits<std::size_t>::max() - options.max_length)) {}

decoded<std::string> cobs_codec::decode(std::string_view bytes, bool at_end) {
  const auto zero = bytes.find('\0', std::min(scanned_, bytes.size()));
  scanned_ = 0;
  if (zero == std::string_view::npos) return decode_rest(bytes, at_end);
  if (std::exchange(skipping_, false)) return drop(zero + 1);
  if (zero == 0) return {.consumed = 1};
  if (zero > max_encoded_) return overrun(zero + 1);
  auto packet = unstuffed(bytes.substr(0, zero));
  if (packet && packet->size() > options_.max_length) return overrun(zero + 1);
  if (packet) {
    ++counts_.frames;
    return {.consumed = zero + 1, .frame = std::move(packet)};
  }
  auto dropped = drop(zero + 1);
  ++counts_.errors;
  dropped.error = std::make_exception_ptr(
      bad_frame("cobs_codec: a packet of " + std::to_string(zero) +
                " bytes whose count bytes point behind its end was dropped; read on for the next"));
  return dropped;
}

// The zero is still to come.
decoded<std::string> cobs_codec::decode_rest(std::string_view bytes, bool at_end) {
  if (skipping_) return drop(bytes.size());
  if (bytes.size() > max_encoded_) {
    skipping_ = true;
    return overrun(bytes.size());
  }
  if (!at_end || bytes.empty()) {
    scanned_ = bytes.size();
    return {};
  }
  auto dropped = drop(bytes.size());
  ++counts_.errors;
  dropped.error = std::make_exception_ptr(incomplete_read(std::string(bytes), bytes.size() + 1));
  return dropped;
}

decoded<std::string> cobs_codec::drop(std::size_t count) {
  counts_.dropped += count;
  return {.consumed = count};
}

decoded<std::string> cobs_codec::overrun(std::size_t consumed) {
  auto dropped = drop(consumed);
  ++counts_.errors;
  dropped.error = std::make_exception_ptr(limit_overrun(
      "cobs_codec: a packet is longer than " + std::to_string(options_.max_length) +
          " bytes and was dropped; read on for the next one, or raise cobs_options::max_length",
      options_.max_length));
  return dropped;
}

void cobs_codec::encode(const std::string& packet, std::string& out) const {
  if (packet.size() > options_.max_length) {
    throw std::invalid_argument("cobs_codec: a packet to send has " +
                                std::to_string(packet.size()) + " bytes, more than the " +
                                std::to_string(options_.max_length) + " that are allowed");
  }
  std::string_view rest = packet;
  for (;;) {
    const auto run = std::min(rest.find('\0'), rest.size());
    const auto block = std::min(run, longest_block);
    out += static_cast<char>(block + 1);
    out += rest.substr(0, block);
    rest.remove_prefix(block);
    if (rest.empty()) break;
    if (block < longest_block) rest.remove_prefix(1);  // the zero: the next count stands for it
  }
  out += '\0';
}

}  // namespace buskin::io
