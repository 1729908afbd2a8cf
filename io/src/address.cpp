#include <buskin/io/address.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace buskin::io {

namespace {

/// As the registry of service names has them: letters, digits and hyphens, and not a number.
bool is_service(std::string_view text) {
  const auto letter = [](unsigned char c) { return std::isalpha(c) != 0; };
  const auto permitted = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; };
  return !text.empty() && letter(static_cast<unsigned char>(text.front())) &&
         std::all_of(text.begin(), text.end(), permitted);
}

const sockaddr_in& v4(const address& a) { return *reinterpret_cast<const sockaddr_in*>(a.data()); }
const sockaddr_in6& v6(const address& a) {
  return *reinterpret_cast<const sockaddr_in6*>(a.data());
}

constexpr auto path_offset = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path));

/// "%eth0" for an address that is valid on one link only.
std::string scope_text(const sockaddr_in6& of) {
  if (of.sin6_scope_id == 0) return "";
  char name[IF_NAMESIZE] = "";
  if (::if_indextoname(of.sin6_scope_id, name) == nullptr)
    return "%" + std::to_string(of.sin6_scope_id);
  return std::string("%") + name;
}

/// The number of an interface by its name or number; 0 for none such.
unsigned scope_of(const std::string& text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return ::if_nametoindex(text.c_str());
}

}  // namespace

host_port host_port::parse(std::string_view text) {
  // The system would take what is before it for the whole.
  if (text.find('\0') != std::string_view::npos)
    throw std::invalid_argument("an address has a zero byte in it");
  const auto refuse = [&](const char* why) {
    throw std::invalid_argument("\"" + std::string(text) + "\" is no address: " + why +
                                "; write host:port, such as 127.0.0.1:7070");
  };
  if (text.find("://") != std::string_view::npos) refuse("it is a URL");
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) refuse("it has no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') refuse("the bracket is not closed");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    refuse("an IPv6 host stands in brackets");
  }
  host_port result{std::string(host), 0};
  if (is_service(port)) {
    result.service = port;
    return result;
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size())
    refuse("the port is a number from 0 to 65535, or a service's name");
  return result;
}

std::string host_port::to_string() const {
  return (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" +
         (service.empty() ? std::to_string(port) : service);
}

address::address(const sockaddr* from, socklen_t size) noexcept : size_(size) {
  std::memcpy(&storage_, from, size);
}

std::uint16_t address::port() const noexcept {
  if (family() == AF_INET) return ntohs(v4(*this).sin_port);
  if (family() == AF_INET6) return ntohs(v6(*this).sin6_port);
  return 0;
}

void address::set_port(std::uint16_t port) noexcept {
  if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage_)->sin6_port = htons(port);
}

std::string address::path() const {
  if (family() != AF_UNIX || size_ <= path_offset) return "";
  const auto* text = reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path;
  const std::size_t room = size_ - path_offset;
  if (text[0] == '\0') return "@" + std::string(text + 1, room - 1);
  return {text, ::strnlen(text, room)};
}

std::string address::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &v4(*this).sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(port());
  }
  if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &v6(*this).sin6_addr, text, sizeof text);
    return "[" + std::string(text) + scope_text(v6(*this)) + "]:" + std::to_string(port());
  }
  if (family() == AF_UNIX) {
    const auto where = path();
    return "unix:" + (where.empty() ? "(unnamed)" : where);
  }
  return "(no address)";
}

bool address::operator==(const address& other) const noexcept {
  if (family() != other.family() || port() != other.port()) return false;
  const auto same = [](const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof a) == 0; };
  if (family() == AF_INET) return same(v4(*this).sin_addr, v4(other).sin_addr);
  if (family() == AF_INET6)
    return same(v6(*this).sin6_addr, v6(other).sin6_addr) &&
           v6(*this).sin6_scope_id == v6(other).sin6_scope_id;
  if (family() == AF_UNIX) return path() == other.path();
  return size_ == other.size_ && std::memcmp(&storage_, &other.storage_, size_) == 0;
}

address address::parse(const std::string& host, std::uint16_t port) {
  if (host.find('\0') != std::string::npos)
    throw std::invalid_argument("a host has a zero byte in it");
  sockaddr_in four{};
  if (inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    return {reinterpret_cast<const sockaddr*>(&four), sizeof four};
  }
  sockaddr_in6 six{};
  const auto percent = host.find('%');
  if (inet_pton(AF_INET6, host.substr(0, percent).c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    if (percent != std::string::npos) {
      six.sin6_scope_id = scope_of(host.substr(percent + 1));
      if (six.sin6_scope_id == 0)
        throw std::invalid_argument("\"" + host + "\" names an interface that is not there");
    }
    return {reinterpret_cast<const sockaddr*>(&six), sizeof six};
  }
  throw std::invalid_argument("\"" + host + "\" is no numeric IPv4 or IPv6 address");
}

address address::of_path(std::string_view path) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.empty() || path == "@")
    throw std::invalid_argument(
        "a Unix socket needs a path, or @ and a name; write unix:/run/door or unix:@door");
  if (path.find('\0') != std::string_view::npos)
    throw std::invalid_argument("the path of a Unix socket has a zero byte in it");
  constexpr std::size_t most = sizeof where.sun_path - 1;
  if (path.size() > most)
    throw std::system_error(std::make_error_code(std::errc::filename_too_long),
                            "unix:" + std::string(path) + " has " + std::to_string(path.size()) +
                                " bytes, and the path of a socket at most " + std::to_string(most));
  std::memcpy(where.sun_path, path.data(), path.size());
  if (path.front() == '@') where.sun_path[0] = '\0';
  // The file's name ends with a zero, the other kind with the address.
  const auto size = path_offset + path.size() + (path.front() == '@' ? 0 : 1);
  return {reinterpret_cast<const sockaddr*>(&where), static_cast<socklen_t>(size)};
}

address address::local_of(int descriptor) noexcept {
  address a;
  a.size_ = sizeof a.storage_;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&a.storage_), &a.size_) != 0) return {};
  return a;
}

address address::peer_of(int descriptor) noexcept {
  address a;
  a.size_ = sizeof a.storage_;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&a.storage_), &a.size_) != 0) return {};
  return a;
}

}  // namespace buskin::io
