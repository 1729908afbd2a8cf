#include <buskin/io/aivdm_assembler.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace buskin::io {

namespace {

// Six bits in a character: '0' to 'W' are 0 to 39, '`' to 'w' are 40 to 63.
std::optional<std::uint32_t> six_bits(char c) {
  if (c >= '0' && c <= 'W') return static_cast<std::uint32_t>(c - '0');
  if (c >= '`' && c <= 'w') return static_cast<std::uint32_t>(c - '`' + 40);
  return std::nullopt;
}

std::optional<int> whole(std::string_view text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::size_t ais_payload::size() const noexcept {
  const auto all = text.size() * 6;
  const auto fill = static_cast<std::size_t>(fill_bits);
  return all > fill ? all - fill : 0;
}

std::uint32_t ais_payload::bits(std::size_t first, std::size_t count) const noexcept {
  std::uint32_t value = 0;
  for (auto i = first; i < first + count; ++i) {
    const auto group = i / 6 < text.size() ? six_bits(text[i / 6]).value_or(0) : 0;
    value = value << 1 | (group >> (5 - i % 6) & 1U);
  }
  return value;
}

std::int32_t ais_payload::signed_bits(std::size_t first, std::size_t count) const noexcept {
  if (count == 0) return 0;
  const auto value = static_cast<std::int64_t>(bits(first, count));
  const auto range = std::int64_t{1} << count;
  return static_cast<std::int32_t>(value >= range / 2 ? value - range : value);
}

aivdm_assembler::aivdm_assembler(aivdm_options options) : options_(options) {}

// !AIVDM,parts,number,sequence,channel,payload,fill bits*hh
std::optional<ais_payload> aivdm_assembler::add(const nmea_sentence& sentence) {
  if (sentence.status != nmea_status::valid || sentence.start() != '!') return std::nullopt;
  if (sentence.type() != "VDM" && sentence.type() != "VDO") return std::nullopt;
  ++counts_.sentences;
  drop_stale();

  const auto total = whole(sentence.field(1)).value_or(0);
  const auto number = whole(sentence.field(2)).value_or(0);
  const auto sequence = sentence.field(3);
  const auto fill_bits = whole(sentence.field(6)).value_or(6);
  ais_payload piece{.text = std::string(sentence.field(5)), .fill_bits = fill_bits};

  const bool armoured = !piece.text.empty() && std::ranges::all_of(piece.text, [](char c) {
    return six_bits(c).has_value();
  });
  const bool named = total == 1 || (sequence.size() == 1 && whole(sequence));
  if (total < 1 || total > 9 || number < 1 || number > total || fill_bits < 0 || fill_bits > 5 ||
      !armoured || !named) {
    ++counts_.malformed;
    return std::nullopt;
  }
  if (total == 1) {
    ++counts_.messages;
    return piece;
  }

  std::string key(sentence.address());
  key.append(sequence).append(sentence.field(4));
  return assemble(std::move(key), static_cast<std::size_t>(total), static_cast<std::size_t>(number),
                  std::move(piece));
}

std::optional<ais_payload> aivdm_assembler::assemble(std::string key, std::size_t total,
                                                     std::size_t number, ais_payload piece) {
  auto found = std::ranges::find(partials_, key, &partial::key);
  if (found != partials_.end()) {
    const auto& there = found->parts[number - 1];
    if (found->total == total && there == piece) {
      ++counts_.duplicates;
      return std::nullopt;
    }
    // Another message under the same number: what was missing of the first one will not come.
    if (found->total != total || there) {
      partials_.erase(found);
      ++counts_.dropped_partials;
      found = partials_.end();
    }
  }
  if (found == partials_.end()) {
    if (partials_.size() >= std::max<std::size_t>(options_.max_partials, 1)) {
      partials_.erase(std::ranges::min_element(partials_, {}, &partial::last_seen));
      ++counts_.dropped_partials;
    }
    found = partials_.insert(partials_.end(), partial{.key = std::move(key), .total = total});
  }
  found->parts[number - 1] = std::move(piece);
  found->last_seen = counts_.sentences;
  if (++found->present < total) return std::nullopt;

  ais_payload message;
  bool whole_groups = true;
  for (std::size_t i = 0; i < total; ++i) {
    // Only the last part may end inside a group: bits of the others would not join on to the next.
    whole_groups = whole_groups && message.fill_bits == 0;
    message.text += found->parts[i]->text;
    message.fill_bits = found->parts[i]->fill_bits;
  }
  partials_.erase(found);
  if (!whole_groups) {
    ++counts_.malformed;
    return std::nullopt;
  }
  ++counts_.messages;
  return message;
}

void aivdm_assembler::drop_stale() {
  counts_.dropped_partials += std::erase_if(partials_, [this](const partial& waiting) {
    return counts_.sentences - waiting.last_seen > options_.max_gap;
  });
}

}  // namespace buskin::io
