// Text lines out of bytes. The state is what an arbitrary split of the bytes makes necessary.
#include <buskin/io/line_codec.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

namespace buskin::io {

static_assert(codec<line_codec>);

line_codec::line_codec(line_options options) : options_(options) {}

decoded<std::string> line_codec::decode(std::string_view bytes, bool at_end) {
  std::size_t start = 0;
  if (after_cr_ && !bytes.empty()) {
    after_cr_ = false;
    if (bytes.front() == '\n') start = 1;
  }
  auto rest = bytes.substr(start);
  auto end = find_end(rest, std::min(scanned_, rest.size()));
  const bool ended = end != std::string_view::npos;
  scanned_ = 0;

  if (!ended) {
    if (skipping_) return drop(bytes.size(), start);
    if (too_long(rest)) {
      skipping_ = true;
      return overrun(bytes.size(), start);
    }
    if (!at_end || rest.empty()) {
      scanned_ = rest.size();
      return {.consumed = start};
    }
    end = rest.size();
  }

  auto line = rest.substr(0, end);
  const auto consumed = start + end + (ended ? 1 : 0);
  after_cr_ = ended && rest[end] == '\r';
  if (std::exchange(skipping_, false)) return drop(consumed, start);
  if (!after_cr_ && line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > options_.max_length) return overrun(consumed, start);
  ++counts_.frames;
  return {.consumed = consumed, .frame = std::string(line)};
}

void line_codec::encode(const std::string& line, std::string& out) const {
  const bool joins_ending = options_.ending == line_ending::lf && line.ends_with('\r');
  if (joins_ending || find_end(line, 0) != std::string_view::npos) {
    throw std::invalid_argument(
        "line_codec: a line to send holds a line end itself; send it as several lines");
  }
  out += line;
  switch (options_.ending) {
    case line_ending::lf:
      out += '\n';
      break;
    case line_ending::crlf:
      out += "\r\n";
      break;
    case line_ending::cr:
      out += '\r';
      break;
  }
}

std::size_t line_codec::find_end(std::string_view bytes, std::size_t from) const {
  if (options_.on_lone_cr == lone_cr::ends_line) return bytes.find_first_of("\r\n", from);
  return bytes.find('\n', from);
}

bool line_codec::too_long(std::string_view open_line) const {
  if (open_line.size() <= options_.max_length) return false;
  // One byte too many may still be the '\r' of the ending.
  return open_line.size() - options_.max_length > 1 || open_line.back() != '\r';
}

decoded<std::string> line_codec::overrun(std::size_t consumed, std::size_t before) {
  auto dropped = drop(consumed, before);
  ++counts_.errors;
  dropped.error = std::make_exception_ptr(limit_overrun(
      "line_codec: a line is longer than " + std::to_string(options_.max_length) +
          " bytes and was dropped; read on for the next one, or raise line_options::max_length",
      options_.max_length));
  return dropped;
}

decoded<std::string> line_codec::drop(std::size_t consumed, std::size_t before) {
  counts_.dropped += consumed - before;
  return {.consumed = consumed};
}

}  // namespace buskin::io
