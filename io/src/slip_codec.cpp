// SLIP, decoded as it comes: the bytes are taken at once, and the packet under way is kept here.
#include <buskin/io/bad_frame.hpp>
#include <buskin/io/slip_codec.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace buskin::io {

static_assert(codec<slip_codec>);

namespace {

constexpr char end_byte = '\xC0';
constexpr char esc_byte = '\xDB';
constexpr char esc_end = '\xDC';
constexpr char esc_esc = '\xDD';
constexpr std::string_view special = "\xC0\xDB";

}  // namespace

slip_codec::slip_codec(slip_options options) : options_(options) {}

decoded<std::string> slip_codec::decode(std::string_view bytes, bool at_end) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (skipping_) {
      const auto end = bytes.find(end_byte, at);
      skipping_ = end == std::string_view::npos;
      const auto next = skipping_ ? bytes.size() : end + 1;
      counts_.dropped += next - at;
      at = next;
      continue;
    }
    if (std::exchange(escaped_, false)) {
      const char c = bytes[at++];
      ++raw_;
      if (c != esc_end && c != esc_esc) return bad_escape(bytes, at);
      if (!append(c == esc_end ? "\xC0" : "\xDB")) return overrun(at);
      continue;
    }
    const auto stop = std::min(bytes.find_first_of(special, at), bytes.size());
    // One byte more than fits is enough to know that it is too long.
    const auto room = options_.max_length - open_.size();
    const auto plain = stop - at > room ? room + 1 : stop - at;
    raw_ += plain;
    at += plain;
    if (!append(bytes.substr(at - plain, plain))) return overrun(at);
    if (at == bytes.size()) break;
    ++raw_;
    if (bytes[at++] == esc_byte) {
      escaped_ = true;
    } else if (!open_.empty()) {
      ++counts_.frames;
      auto packet = std::exchange(open_, {});
      begin_packet();
      return {.consumed = at, .frame = std::move(packet)};
    } else {
      begin_packet();
    }
  }
  if (!at_end || raw_ == 0) return {.consumed = at};
  const auto expected = open_.size() + 1;
  return fault(at, std::make_exception_ptr(incomplete_read(open_, expected)));
}

void slip_codec::begin_packet() {
  open_.clear();
  raw_ = 0;
  escaped_ = false;
}

// False if the packet becomes too long by it.
bool slip_codec::append(std::string_view bytes) {
  if (bytes.size() > options_.max_length - open_.size()) return false;
  open_ += bytes;
  return true;
}

decoded<std::string> slip_codec::fault(std::size_t consumed, std::exception_ptr why) {
  ++counts_.errors;
  counts_.dropped += raw_;
  begin_packet();
  return {.consumed = consumed, .error = std::move(why)};
}

decoded<std::string> slip_codec::bad_escape(std::string_view bytes, std::size_t consumed) {
  skipping_ = bytes[consumed - 1] != end_byte;
  return fault(consumed, std::make_exception_ptr(bad_frame(
                             "slip_codec: a packet with ESC before a byte that is neither ESC_END "
                             "nor ESC_ESC was dropped; read on for the next one")));
}

decoded<std::string> slip_codec::overrun(std::size_t consumed) {
  skipping_ = true;
  return fault(consumed,
               std::make_exception_ptr(limit_overrun(
                   "slip_codec: a packet is longer than " + std::to_string(options_.max_length) +
                       " bytes and was dropped; read on for the next one, or raise "
                       "slip_options::max_length",
                   options_.max_length)));
}

void slip_codec::encode(const std::string& packet, std::string& out) const {
  if (packet.empty() || packet.size() > options_.max_length) {
    throw std::invalid_argument("slip_codec: a packet to send has " +
                                std::to_string(packet.size()) + " bytes; 1 to " +
                                std::to_string(options_.max_length) + " are allowed");
  }
  if (options_.start == slip_start::end) out += end_byte;
  for (const char c : packet) {
    if (c == end_byte)
      out += {esc_byte, esc_end};
    else if (c == esc_byte)
      out += {esc_byte, esc_esc};
    else
      out += c;
  }
  out += end_byte;
}

}  // namespace buskin::io
