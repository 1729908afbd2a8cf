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

}  // namespace

std::optional<position> decode_position(const nmea_sentence& sentence) {
  if (sentence.status != nmea_status::valid || sentence.start() != '$') return std::nullopt;
  if (sentence.proprietary()) return std::nullopt;
  if (sentence.type() == "GGA") return decode_gga(sentence);
  if (sentence.type() == "RMC") return decode_rmc(sentence);
  return std::nullopt;
}

ais_decoder::ais_decoder(buskin::io::aivdm_options options) : assembler_(options) {}

std::optional<position> ais_decoder::decode(const nmea_sentence& sentence) {
  const auto message = assembler_.add(sentence);
  if (!message) return std::nullopt;
  const auto type = message->size() < 6 ? 0 : message->bits(0, 6);
  if (type == 0 || (type <= 3 && message->size() < 168)) {
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
  where.mmsi = message->bits(8, 30);
  where.longitude = message->signed_bits(61, 28) / 600000.0;
  where.latitude = message->signed_bits(89, 27) / 600000.0;
  // "Not available" is 181 and 91 degrees, so outside as well.
  if (std::abs(where.longitude) > 180 || std::abs(where.latitude) > 90) {
    ++counts_.without_position;
    return std::nullopt;
  }
  if (const auto speed = message->bits(50, 10); speed != 1023) where.speed_knots = speed / 10.0;
  if (const auto course = message->bits(116, 12); course < 3600) where.course_deg = course / 10.0;
  ++counts_.positions;
  return where;
}

}  // namespace gateway
