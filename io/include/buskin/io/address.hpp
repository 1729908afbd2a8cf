// Where a socket is: a host and a port, or a name in the file system.
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
  /// The port by name ("http"), to be looked up in the system's list; `port` is 0 then.
  std::string service = {};

  /// Reads "host:port", "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "localhost:http" or ":80"
  /// (all addresses). Throws std::invalid_argument with what is wrong.
  static host_port parse(std::string_view text);
  std::string to_string() const;
};

/// A socket's address as the system uses it: IPv4, IPv6 or Unix.
class address {
 public:
  address() noexcept = default;
  address(const sockaddr* from, socklen_t size) noexcept;

  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return size_; }
  int family() const noexcept { return data()->sa_family; }
  /// 0 for a Unix socket.
  std::uint16_t port() const noexcept;
  void set_port(std::uint16_t port) noexcept;
  /// Of a Unix socket: its path, or '@' and its name where it is none of the file system's; empty
  /// when it has neither, as a client's has not, and for other families.
  std::string path() const;
  /// "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "unix:/run/door", "unix:@door".
  std::string to_string() const;
  /// The same host, scope and port, or the same path.
  bool operator==(const address& other) const noexcept;

  /// Of a numeric host. Throws std::invalid_argument.
  static address parse(const std::string& host, std::uint16_t port);
  /// Of a Unix socket: a path, or '@' and a name that needs no file ("abstract", on Linux). Throws
  /// std::system_error (ENAMETOOLONG) with the path for one longer than the system takes, and
  /// std::invalid_argument for an empty one.
  static address of_path(std::string_view path);

  /// Of a socket's own end, and of its peer's; empty when it has none.
  static address local_of(int descriptor) noexcept;
  static address peer_of(int descriptor) noexcept;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace buskin::io
