// What every connection of ours is set to.
#pragma once

#include <buskin/io/connection.hpp>
#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/runtime/clock.hpp>

#include <optional>

namespace buskin::io::detail {

struct socket_settings {
  bool no_delay = true;
  bool keep_alive = false;
  std::optional<duration> peer_timeout{};
};

/// Throws std::invalid_argument for what no socket can be set to.
void check(const socket_settings& settings);

/// Switches an option of a socket on.
void switch_on(int descriptor, int level, int option) noexcept;

/// The core of a connected socket, on `home`; and a connection of it.
std::shared_ptr<descriptor_core> make_socket_core(worker& home, unique_descriptor descriptor,
                                                  const socket_settings& settings = {});
connection make_connection(worker& home, unique_descriptor descriptor,
                           const socket_settings& settings = {});

}  // namespace buskin::io::detail
