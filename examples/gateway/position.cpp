// Positions out of NMEA 0183 and AIS. What the devices send is not trusted: whatever is not a
// number in its range makes the sentence one without a position.
#include "position.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

namespace gateway {

using buskin::io::nmea_sentence;
using buskin::io::nmea_status;

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The whole text as a plain decimal number: no exponent, no "inf", no blanks.
std::optional<double> number(std::string_view text) {
  const auto digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() ||
      !std::ranges::all_of(digits, [](char c) { return is_digit(c) || c == '.'; }))
    return std::nullopt;
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (fault != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<int> whole(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  int value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value);
  if (fault != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<double> at_least_zero(std::optional<double> value) {
  return value && *value >= 0 ? value : std::nullopt;
}

// "ddmm.mmmm" or "dddmm.mmmm" and a hemisphere letter. The degrees have a fixed width: that tells
// the two apart.
std::optional<double> angle(std::string_view text, std::string_view hemisphere,
                            std::size_t degree_digits, std::string_view letters, double limit) {
  if (text.size() < degree_digits + 2 || hemisphere.size() != 1) return std::nullopt;
  const auto sign = letters.find(hemisphere.front());
  const auto degrees = whole(text.substr(0, degree_digits));
  const auto minutes = number(text.substr(degree_digits));
  if (sign == std::string_view::npos || !degrees || !minutes) return std::nullopt;
  const bool two_digits = is_digit(text[degree_digits]) && is_digit(text[degree_digits + 1]);
  if (!two_digits || *minutes >= 60) return std::nullopt;
  const double value = *degrees + *minutes / 60;
  if (value > limit) return std::nullopt;
  return sign == 0 ? value : -value;
}

bool set_coordinates(position& where, const nmea_sentence& sentence, std::size_t first_field) {
  const auto latitude =
      angle(sentence.field(first_field), sentence.field(first_field + 1), 2, "NS", 90);
  const auto longitude =
      angle(sentence.field(first_field + 2), sentence.field(first_field + 3), 3, "EW", 180);
  if (!latitude || !longitude) return false;
  where.latitude = *latitude;
  where.longitude = *longitude;
  return true;
}

// "hhmmss" or "hhmmss.sss" as "hh:mm:ss.sss"; empty if it is no time of day.
std::string time_of_day(std::string_view text) {
  if (text.size() < 6 || !number(text) || (text.size() > 6 && text[6] != '.')) return {};
  const auto hours = whole(text.substr(0, 2));
  const auto minutes = whole(text.substr(2, 2));
  const auto seconds = whole(text.substr(4, 2));
  // 60 is a leap second.
  if (!hours || !minutes || !seconds || *hours > 23 || *minutes > 59 || *seconds > 60) return {};
  std::string result(text.substr(0, 2));
  result.append(":").append(text.substr(2, 2)).append(":").append(text.substr(4));
  return result;
}

// "ddmmyy" as "yyyy-mm-dd"; empty if it is no date. There is no GPS time before 1980.
std::string date(std::string_view text) {
  if (text.size() != 6 || !whole(text)) return {};
  const auto day = whole(text.substr(0, 2));
  const auto month = whole(text.substr(2, 2));
  const auto year = whole(text.substr(4, 2));
  if (*day < 1 || *day > 31 || *month < 1 || *month > 12) return {};
  std::string result(*year >= 80 ? "19" : "20");
  result.append(text.substr(4, 2)).append("-").append(text.substr(2, 2));
  return result.append("-").append(text.substr(0, 2));
}

std::optional<position> decode_gga(const nmea_sentence& sentence) {
  position where;
  where.source = "GGA";
  where.time_utc = time_of_day(sentence.field(1));
  where.quality = whole(sentence.field(6));
  if (where.quality.value_or(0) == 0 || !set_coordinates(where, sentence, 2)) return std::nullopt;
  where.satellites = whole(sentence.field(7));
  if (sentence.field(10) == "M") where.altitude_m = number(sentence.field(9));
  return where;
}

std::optional<position> decode_rmc(const nmea_sentence& sentence) {
  position where;
  where.source = "RMC";
  // Field 12 (since NMEA 2.3) tells how the position was found: 'N' is not at all.
  if (sentence.field(2) != "A" || sentence.field(12) == "N") return std::nullopt;
  if (!set_coordinates(where, sentence, 3)) return std::nullopt;
  where.speed_knots = at_least_zero(number(sentence.field(7)));
  where.course_deg = at_least_zero(number(sentence.field(8)));
  if (where.course_deg > 360.0) where.course_deg.reset();
  where.time_utc = time_of_day(sentence.field(1));
  const auto day = date(sentence.field(9));
  if (!day.empty() && !where.time_utc.empty()) where.time_utc = day + "T" + where.time_utc;
  return where;
}

// AIS puts six bits into a character: '0' to 'W' are 0 to 39, '`' to 'w' are 40 to 63.
std::optional<std::uint32_t> six_bits(char c) {
  if (c >= '0' && c <= 'W') return static_cast<std::uint32_t>(c - '0');
  if (c >= '`' && c <= 'w') return static_cast<std::uint32_t>(c - '`' + 40);
  return std::nullopt;
}

// A number in an armoured payload that was checked; the first bit is the highest.
std::uint32_t bits(std::string_view payload, std::size_t first, std::size_t count) {
  std::uint32_t value = 0;
  for (auto i = first; i < first + count; ++i) {
    const auto group = six_bits(payload[i / 6]).value_or(0);
    value = value << 1 | (group >> (5 - i % 6) & 1U);
  }
  return value;
}

std::int32_t signed_bits(std::string_view payload, std::size_t first, std::size_t count) {
  const auto value = static_cast<std::int32_t>(bits(payload, first, count));
  const auto range = std::int32_t{1} << count;
  return value >= range / 2 ? value - range : value;
}

}  // namespace

std::optional<position> decode_position(const nmea_sentence& sentence) {
  if (sentence.status != nmea_status::valid || sentence.start() != '$') return std::nullopt;
  if (sentence.proprietary()) return std::nullopt;
  if (sentence.type() == "GGA") return decode_gga(sentence);
  if (sentence.type() == "RMC") return decode_rmc(sentence);
  return std::nullopt;
}

ais_decoder::ais_decoder(ais_options options) : options_(options) {}

// !AIVDM,parts,number,sequence,channel,payload,fill bits*hh
std::optional<position> ais_decoder::decode(const nmea_sentence& sentence) {
  if (sentence.status != nmea_status::valid || sentence.start() != '!') return std::nullopt;
  if (sentence.type() != "VDM" && sentence.type() != "VDO") return std::nullopt;
  ++counts_.sentences;
  drop_stale();

  const auto total = whole(sentence.field(1)).value_or(0);
  const auto number = whole(sentence.field(2)).value_or(0);
  const auto sequence = sentence.field(3);
  const auto fill_bits = whole(sentence.field(6)).value_or(6);
  part piece{.payload = std::string(sentence.field(5)), .fill_bits = fill_bits};

  const bool armoured = !piece.payload.empty() && std::ranges::all_of(piece.payload, [](char c) {
    return six_bits(c).has_value();
  });
  const bool named = total == 1 || (sequence.size() == 1 && is_digit(sequence.front()));
  if (total < 1 || total > 9 || number < 1 || number > total || fill_bits > 5 || !armoured ||
      !named) {
    ++counts_.malformed;
    return std::nullopt;
  }
  if (total == 1) return decode_message(piece);

  std::string key(sentence.address());
  key.append(sequence).append(sentence.field(4));
  return assemble(std::move(key), static_cast<std::size_t>(total), static_cast<std::size_t>(number),
                  std::move(piece));
}

std::optional<position> ais_decoder::assemble(std::string key, std::size_t total,
                                              std::size_t number, part piece) {
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

  part message;
  bool whole_groups = true;
  for (std::size_t i = 0; i < total; ++i) {
    // Only the last part may end inside a group: bits of the others would not join on to the next.
    whole_groups = whole_groups && message.fill_bits == 0;
    message.payload += found->parts[i]->payload;
    message.fill_bits = found->parts[i]->fill_bits;
  }
  partials_.erase(found);
  if (!whole_groups) {
    ++counts_.malformed;
    return std::nullopt;
  }
  return decode_message(message);
}

std::optional<position> ais_decoder::decode_message(const part& message) {
  const std::string_view payload = message.payload;
  const auto size = payload.size() * 6 - static_cast<std::size_t>(message.fill_bits);
  const auto type = size < 6 ? 0 : bits(payload, 0, 6);
  if (type == 0 || (type <= 3 && size < 168)) {
    ++counts_.malformed;
    return std::nullopt;
  }
  ++counts_.messages;
  if (type > 3) {
    ++counts_.other_types;
    return std::nullopt;
  }

  position where;
  where.source = "AIS" + std::to_string(type);
  where.mmsi = bits(payload, 8, 30);
  where.longitude = signed_bits(payload, 61, 28) / 600000.0;
  where.latitude = signed_bits(payload, 89, 27) / 600000.0;
  // "Not available" is 181 and 91 degrees, so outside as well.
  if (std::abs(where.longitude) > 180 || std::abs(where.latitude) > 90) {
    ++counts_.without_position;
    return std::nullopt;
  }
  if (const auto speed = bits(payload, 50, 10); speed != 1023) where.speed_knots = speed / 10.0;
  if (const auto course = bits(payload, 116, 12); course < 3600) where.course_deg = course / 10.0;
  ++counts_.positions;
  return where;
}

void ais_decoder::drop_stale() {
  counts_.dropped_partials += std::erase_if(partials_, [this](const partial& waiting) {
    return counts_.sentences - waiting.last_seen > options_.max_gap;
  });
}

}  // namespace gateway
