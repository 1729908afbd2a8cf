// How a node is to be.
#pragma once

#include <buskin/runtime/clock.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace buskin::io {

/// Who a node is beyond its own host: files in PEM. The authority is a private one, for these nodes
/// alone: whoever has a certificate of it gets in. A node's certificate is for its name (a DNS name
/// among its subjectAltNames).
struct node_tls {
  std::filesystem::path authority;
  std::filesystem::path certificate;
  std::filesystem::path key;
};

struct node_options {
  /// 1 to 255 letters, digits, '.', '_' and '-'. Others connect to it by this name on the same
  /// host, and its certificate is for it.
  std::string name;
  /// Where to listen: "unix:/path", or "host:port" with `tls`. Empty: at a Unix socket for its name
  /// in a folder of this user alone, $XDG_RUNTIME_DIR/buskin or /tmp/buskin-UID.
  std::string address{};
  std::optional<node_tls> tls{};
  /// A peer from which nothing is heard for this long, and up to half as long again, is down. An
  /// idle one says something four times in it. 10 ms to a day.
  duration silence = std::chrono::seconds(5);
  /// How long a newcomer may take to say who it is.
  duration greeting = std::chrono::seconds(10);
  /// The longest frame (a message and its head), in bytes: longer ones are refused here, and not
  /// sent by peers.
  std::size_t max_message = 64 * 1024 * 1024;
  /// A peer that leaves more than this unread, in bytes, is given up.
  std::size_t max_unsent = 256 * 1024 * 1024;
};

}  // namespace buskin::io
