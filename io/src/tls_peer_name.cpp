#include "tls_peer_name.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

namespace buskin::io::detail {

namespace {

bool is_ip(const std::string& text) {
  std::array<unsigned char, 16> bytes;
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

[[noreturn]] void refuse(const std::string& given, const char* why) {
  std::string shown = given;
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, '?');
  throw std::invalid_argument("\"" + shown + "\" cannot be the name of a TLS server: " + why);
}

bool fit_for_a_name(unsigned char c) {
  return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
}

}  // namespace

tls_peer_name tls_peer_name::parse(const std::string& given) {
  std::string text = given;
  if (text.size() > 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  if (const auto zone = text.find('%'); zone != std::string::npos)
    if (is_ip(text.substr(0, zone))) text.resize(zone);
  if (text.find('\0') == std::string::npos && is_ip(text)) return {text, true};

  // "example.org." is the same host, but no certificate says it so.
  if (text.size() > 1 && text.back() == '.') text.pop_back();
  if (text.empty() || text.size() > 253) refuse(given, "a host name has 1 to 253 characters");
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x80; }))
    refuse(given, "give an international name in its ASCII form (xn--…)");
  if (!std::all_of(text.begin(), text.end(), fit_for_a_name))
    refuse(given, "a host name has letters, digits, '-', '_' and dots only");
  if (text.front() == '.' || text.back() == '.' || text.find("..") != std::string::npos)
    refuse(given, "one of its labels is empty");
  return {text, false};
}

}  // namespace buskin::io::detail
