// How one stream uses a TLS context.
#pragma once

#include <buskin/runtime/clock.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace buskin::io {

struct tls_options {
  /// For clients, who must set it: whom the server's certificate has to be for, a host name or an
  /// IP address. A name is sent to the server as well. Empty: neither sent nor checked, so that
  /// anybody whose certificate the context trusts will do.
  std::optional<std::string> server_name{};
  /// How long the handshake may take.
  duration handshake_timeout = std::chrono::seconds(60);
  /// How long a closed stream sends what is left and waits for the peer's notice.
  duration shutdown_timeout = std::chrono::seconds(30);
};

}  // namespace buskin::io
