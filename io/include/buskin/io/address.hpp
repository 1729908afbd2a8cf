// Where a socket is: a host and a port.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace buskin::io {

/// "host:port" taken apart, nothing looked up yet.
struct host_port {
  std::string host;
  std::uint16_t port = 0;

  /// Reads "host:port", "127.0.0.1:80", "[::1]:80" or ":80" (all addresses). Throws
  /// std::invalid_argument with what is wrong.
  static host_port parse(std::string_view text);
  std::string to_string() const;
};

/// A numeric socket address.
class address {
 public:
  address() noexcept = default;
  address(const sockaddr* from, socklen_t size) noexcept;

  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return size_; }
  int family() const noexcept { return data()->sa_family; }
  std::uint16_t port() const noexcept;
  void set_port(std::uint16_t port) noexcept;
  /// "127.0.0.1:80", "[::1]:80".
  std::string to_string() const;
  /// The same host and port.
  bool operator==(const address& other) const noexcept;

  /// Of a numeric host. Throws std::invalid_argument.
  static address parse(const std::string& host, std::uint16_t port);

  /// Of a socket's own end, and of its peer's; empty when it has none.
  static address local_of(int descriptor) noexcept;
  static address peer_of(int descriptor) noexcept;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace buskin::io
