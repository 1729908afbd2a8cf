// Records between delimiters. While no delimiter is there, only bytes before the place where one
// may have begun are settled; so the decisions are the same in every split.
#include <buskin/io/delimiter_codec.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

namespace buskin::io {

static_assert(codec<delimiter_codec>);

delimiter_codec::delimiter_codec(delimiter_options options) : options_(std::move(options)) {
  if (options_.delimiter.empty()) {
    throw std::invalid_argument(
        "delimiter_codec: the delimiter is empty; give the bytes that end a record");
  }
}

decoded<std::string> delimiter_codec::decode(std::string_view bytes, bool at_end) {
  const auto end = bytes.find(options_.delimiter, std::min(scanned_, bytes.size()));
  scanned_ = 0;
  if (end != std::string_view::npos) {
    const auto consumed = end + options_.delimiter.size();
    if (std::exchange(skipping_, false)) {
      counts_.dropped += consumed;
      return {.consumed = consumed};
    }
    if (end > options_.max_length) return overrun(consumed);
    ++counts_.frames;
    return {.consumed = consumed, .frame = std::string(bytes.substr(0, end))};
  }

  const auto settled = earliest_end(bytes);
  if (!skipping_ && settled > options_.max_length) {
    skipping_ = true;
    return overrun(settled);
  }
  if (at_end) return decode_rest(bytes);
  if (skipping_) {
    counts_.dropped += settled;
    return {.consumed = settled};
  }
  scanned_ = settled;
  return {};
}

// No delimiter will end what is left.
decoded<std::string> delimiter_codec::decode_rest(std::string_view bytes) {
  const auto size = bytes.size();
  if (size == 0) return {};
  if (!skipping_ && options_.at_the_end == last_record::may_be_bare) {
    if (size > options_.max_length) return overrun(size);
    ++counts_.frames;
    return {.consumed = size, .frame = std::string(bytes)};
  }
  counts_.dropped += size;
  if (skipping_) return {.consumed = size};
  ++counts_.errors;
  return {.consumed = size,
          .error = std::make_exception_ptr(
              incomplete_read(std::string(bytes), size + options_.delimiter.size()))};
}

// Where the delimiter that is still to come begins at the earliest: it may have begun already.
std::size_t delimiter_codec::earliest_end(std::string_view bytes) const {
  const std::string_view delimiter = options_.delimiter;
  auto from = bytes.size() - std::min(bytes.size(), delimiter.size() - 1);
  while (!delimiter.starts_with(bytes.substr(from))) ++from;
  return from;
}

decoded<std::string> delimiter_codec::overrun(std::size_t consumed) {
  ++counts_.errors;
  counts_.dropped += consumed;
  return {.consumed = consumed,
          .error = std::make_exception_ptr(limit_overrun(
              "delimiter_codec: a record is longer than " + std::to_string(options_.max_length) +
                  " bytes and was dropped; read on for the next one, or raise "
                  "delimiter_options::max_length",
              options_.max_length))};
}

void delimiter_codec::encode(const std::string& record, std::string& out) const {
  if (record.size() > options_.max_length) {
    throw std::invalid_argument("delimiter_codec: a record to send has " +
                                std::to_string(record.size()) + " bytes, more than the " +
                                std::to_string(options_.max_length) + " that are allowed");
  }
  auto bytes = record + options_.delimiter;
  if (bytes.find(options_.delimiter) != record.size()) {
    throw std::invalid_argument(
        "delimiter_codec: a record to send would end early, at a delimiter inside it; send it as "
        "several records");
  }
  out += bytes;
}

}  // namespace buskin::io
