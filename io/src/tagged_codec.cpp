#include <buskin/io/tagged_codec.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

namespace buskin::io {

static_assert(codec<tagged_codec>);

namespace {

std::uint8_t number(char c) { return static_cast<std::uint8_t>(c); }

constexpr auto none = std::string_view::npos;

}  // namespace

tagged_codec::tagged_codec(tagged_options options) : options_(std::move(options)) {}

decoded<tagged_frame> tagged_codec::decode(std::string_view bytes, bool at_end) {
  if (skipping_) {
    const auto end = bytes.find('\n');
    skipping_ = end == none;
    return drop(skipping_ ? bytes.size() : end + 1);
  }
  const auto is_tag = [this](char c) { return options_.forms.contains(number(c)); };
  const auto garbage =
      static_cast<std::size_t>(std::ranges::find_if(bytes, is_tag) - bytes.begin());
  if (garbage > 0 || bytes.empty()) return drop(garbage);
  if (options_.forms.at(number(bytes.front())) == tagged_form::newline)
    return decode_line(bytes, at_end);
  return decode_sized(bytes, at_end);
}

decoded<tagged_frame> tagged_codec::decode_sized(std::string_view bytes, bool at_end) {
  if (bytes.size() < 2) return more(bytes, 2, at_end);
  const std::size_t size = 2 + number(bytes[1]);
  if (bytes.size() < size) return more(bytes, size, at_end);
  return deliver(bytes.substr(0, size), bytes.substr(2, size - 2));
}

decoded<tagged_frame> tagged_codec::decode_line(std::string_view bytes, bool at_end) {
  const auto end = bytes.find('\n', std::clamp<std::size_t>(scanned_, 1, bytes.size()));
  scanned_ = 0;
  const auto length = std::min(end, bytes.size()) - 1;
  if (length > options_.max_line) {
    skipping_ = end == none;
    auto dropped = drop(skipping_ ? bytes.size() : end + 1);
    ++counts_.errors;
    dropped.error = std::make_exception_ptr(limit_overrun(
        "tagged_codec: a line with tag " + std::to_string(number(bytes.front())) +
            " is longer than " + std::to_string(options_.max_line) +
            " bytes and was dropped; read on for the next frame, or raise tagged_options::max_line",
        options_.max_line));
    return dropped;
  }
  if (end != none) return deliver(bytes.substr(0, end + 1), bytes.substr(1, length));
  scanned_ = bytes.size();
  return more(bytes, bytes.size() + 1, at_end);
}

decoded<tagged_frame> tagged_codec::drop(std::size_t count) {
  counts_.dropped += count;
  return {.consumed = count};
}

decoded<tagged_frame> tagged_codec::deliver(std::string_view whole, std::string_view body) {
  ++counts_.frames;
  return {.consumed = whole.size(),
          .frame = tagged_frame{number(whole.front()), std::string(body)}};
}

// A frame needs `expected` bytes at least.
decoded<tagged_frame> tagged_codec::more(std::string_view bytes, std::size_t expected,
                                         bool at_end) {
  if (!at_end) return {};
  auto dropped = drop(bytes.size());
  ++counts_.errors;
  scanned_ = 0;
  dropped.error = std::make_exception_ptr(incomplete_read(std::string(bytes), expected));
  return dropped;
}

void tagged_codec::encode(const tagged_frame& frame, std::string& out) const {
  const auto& [tag, body] = frame;
  const auto refuse = [&](const std::string& why) {
    throw std::invalid_argument("tagged_codec: a frame to send with tag " + std::to_string(tag) +
                                " " + why);
  };
  const auto found = options_.forms.find(tag);
  if (found == options_.forms.end()) refuse("has no form; name it in tagged_options::forms");
  const bool line = found->second == tagged_form::newline;
  const auto most = line ? options_.max_line : std::size_t{255};
  if (body.size() > most) {
    refuse("has " + std::to_string(body.size()) + " bytes, more than the " + std::to_string(most) +
           " that are allowed");
  }
  if (line && body.find('\n') != none) refuse("holds a newline, which would end it early");
  out += static_cast<char>(tag);
  if (!line) out += static_cast<char>(body.size());
  out += body;
  if (line) out += '\n';
}

}  // namespace buskin::io
