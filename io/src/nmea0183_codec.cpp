// NMEA 0183 sentences out of bytes. Every decision is made on the bytes before the point where it
// is made, so that it is the same however they arrive; the only memory is "skip the rest of this".
#include <buskin/io/nmea0183_codec.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>

namespace buskin::io {

static_assert(codec<nmea0183_codec>);

namespace {

constexpr auto none = std::string_view::npos;
constexpr std::string_view stops = "\r\n$!";  // the end of whatever is open
constexpr std::string_view between = "\r\n \t";

bool is_start(char c) { return c == '$' || c == '!'; }

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

// std::isalnum asks the locale and must not see negative characters.
bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

// The two digits at the front, if they are there.
std::optional<unsigned> hex_byte(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const auto high = hex_digit(text[0]);
  const auto low = hex_digit(text[1]);
  if (!high || !low) return std::nullopt;
  return *high * 16 + *low;
}

bool has_sentence_form(std::string_view body) {
  const auto address = body.substr(0, body.find(','));
  // An address of three characters is shorter than any in the standard, and makers do use it.
  return address.size() >= 3 && std::ranges::all_of(address, is_alphanumeric) &&
         std::ranges::all_of(body, is_printable);
}

// How long the good sentence at the front is: up to its first checksum. 0 if there is none.
std::size_t good_sentence(std::string_view text) {
  const auto star = text.find('*');
  if (star == none) return 0;
  const auto body = text.substr(1, star - 1);
  const auto sum = hex_byte(text.substr(star + 1));
  return sum == nmea_checksum(body) && has_sentence_form(body) ? star + 3 : 0;
}

enum class ended_by { line_end, cut };

// Why `text`, whose checksum is not right, is rejected, or valid if none is asked for.
nmea_status verdict(std::string_view text, ended_by end, missing_checksum rule) {
  const auto star = text.find('*');
  const auto body = text.substr(1, star == none ? none : star - 1);
  if (!std::ranges::all_of(text, is_printable)) return nmea_status::malformed;
  const auto sum = star == none ? std::string_view() : text.substr(star + 1);
  const bool incomplete =
      star == none || sum.empty() || (sum.size() == 1 && hex_digit(sum.front()).has_value());
  if (incomplete && end == ended_by::cut) return nmea_status::truncated;
  if (!has_sentence_form(body)) return nmea_status::malformed;
  if (star != none) {
    return sum.size() == 2 && hex_byte(sum) ? nmea_status::bad_checksum : nmea_status::malformed;
  }
  return rule == missing_checksum::accept ? nmea_status::valid : nmea_status::no_checksum;
}

bool is_tag_block(std::string_view block) {
  const auto inside = block.substr(1, block.size() - 2);
  const auto star = inside.rfind('*');
  if (star == none || star == 0 || inside.size() != star + 3) return false;
  const auto body = inside.substr(0, star);
  unsigned sum = 0;
  for (const char c : body) sum ^= static_cast<unsigned char>(c);
  return hex_byte(inside.substr(star + 1)) == sum && std::ranges::all_of(body, is_printable);
}

}  // namespace

std::string_view to_string(nmea_status status) {
  switch (status) {
    case nmea_status::valid:
      return "valid";
    case nmea_status::bad_checksum:
      return "bad checksum";
    case nmea_status::no_checksum:
      return "no checksum";
    case nmea_status::truncated:
      return "truncated";
    case nmea_status::too_long:
      return "too long";
    case nmea_status::malformed:
      return "malformed";
    case nmea_status::garbage:
      return "garbage";
  }
  return "unknown";
}

char nmea_sentence::start() const {
  return text.empty() || !is_start(text.front()) ? '\0' : text.front();
}

std::string_view nmea_sentence::body() const {
  if (start() == '\0') return {};
  const std::string_view all = text;
  return all.substr(1, std::min(all.find('*'), all.size()) - 1);
}

std::string_view nmea_sentence::address() const& { return field(0); }

std::string_view nmea_sentence::talker() const& {
  return address().substr(0, proprietary() ? 1 : 2);
}

std::string_view nmea_sentence::type() const& { return address().substr(talker().size()); }

bool nmea_sentence::proprietary() const { return body().starts_with('P'); }

std::vector<std::string_view> nmea_sentence::fields() const& {
  std::vector<std::string_view> all;
  if (start() == '\0') return all;
  auto rest = body();
  for (auto comma = rest.find(','); comma != none; comma = rest.find(',')) {
    all.push_back(rest.substr(0, comma));
    rest.remove_prefix(comma + 1);
  }
  all.push_back(rest);
  return all;
}

std::string_view nmea_sentence::field(std::size_t number) const& {
  auto rest = body();
  for (; number > 0; --number) {
    const auto comma = rest.find(',');
    if (comma == none) return {};
    rest.remove_prefix(comma + 1);
  }
  return rest.substr(0, rest.find(','));
}

std::uint8_t nmea_checksum(std::string_view sentence) {
  if (!sentence.empty() && is_start(sentence.front())) sentence.remove_prefix(1);
  unsigned sum = 0;
  for (const char c : sentence.substr(0, sentence.find('*'))) sum ^= static_cast<unsigned char>(c);
  return static_cast<std::uint8_t>(sum);
}

nmea0183_codec::nmea0183_codec(nmea0183_options options)
    : options_(options), limit_(options.max_length - 2) {
  if (options.max_length < 16) {
    throw std::invalid_argument("nmea0183_codec: max_length is " +
                                std::to_string(options.max_length) +
                                ", which no sentence fits into; the standard's limit is 82");
  }
}

decoded<nmea_sentence> nmea0183_codec::decode(std::string_view bytes, bool at_end) {
  std::size_t from = 0;
  if (skipping_) {
    from = bytes.find_first_of(stops);
    if (from == none) return {.consumed = bytes.size()};
    skipping_ = false;
  }
  from = bytes.find_first_not_of(between, from);
  if (from == none) return {.consumed = bytes.size()};
  auto result = decode_front(bytes.substr(from), at_end);
  result.consumed += from;
  return result;
}

// `bytes` begins with the first byte of a sentence, a TAG block or garbage.
decoded<nmea_sentence> nmea0183_codec::decode_front(std::string_view bytes, bool at_end) {
  const bool sentence = is_start(bytes.front());
  const auto window = bytes.substr(0, limit_ + 1);
  const auto stop = window.find_first_of(stops, 1);
  const auto text = window.substr(0, std::min(stop, limit_));

  if (sentence) {
    if (const auto size = good_sentence(text); size > 0) {
      return {.consumed = size, .frame = nmea_sentence{.text = std::string(text.substr(0, size))}};
    }
  } else if (bytes.front() == '\\') {
    const auto close = text.find('\\', 1);
    if (close != none && is_tag_block(text.substr(0, close + 1))) return {.consumed = close + 1};
  }

  auto status = nmea_status::garbage;
  if (stop == none && bytes.size() > limit_) {
    skipping_ = true;
    if (sentence) status = nmea_status::too_long;
  } else if (stop == none && !at_end) {
    return {};
  } else if (sentence) {
    const bool cut = stop == none || is_start(bytes[stop]);
    status = verdict(text, cut ? ended_by::cut : ended_by::line_end, options_.on_missing_checksum);
  }
  return {.consumed = text.size(),
          .frame = nmea_sentence{.text = std::string(text), .status = status}};
}

void nmea0183_codec::encode(const nmea_sentence& sentence, std::string& out) const {
  auto line = sentence.text;
  if (line.find('*') == none) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto sum = nmea_checksum(line);
    line += {'*', digits[sum / 16], digits[sum % 16]};
  }
  const bool whole = sentence.start() != '\0' && line.find_first_of(stops, 1) == none &&
                     line.size() <= limit_ && good_sentence(line) == line.size();
  if (!whole) {
    throw std::invalid_argument("nmea0183_codec: \"" + sentence.text.substr(0, 82) +
                                "\" is no sentence to send: it needs '$' or '!', an address, "
                                "printable characters, the right checksum or none, and " +
                                std::to_string(options_.max_length) + " bytes at most");
  }
  out += line;
  out += "\r\n";
}

}  // namespace buskin::io
