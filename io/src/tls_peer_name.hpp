// Whom a server's certificate has to be for.
#pragma once

#include <string>

namespace buskin::io::detail {

struct tls_peer_name {
  /// What it is about: a host name without its last dot, an IP address without brackets and zone.
  std::string text;
  bool is_address = false;

  /// Throws std::invalid_argument for what no certificate can be for.
  static tls_peer_name parse(const std::string& given);
};

}  // namespace buskin::io::detail
