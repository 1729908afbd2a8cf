// What every TCP connection of ours is set to.
#pragma once

#include <buskin/io/connection.hpp>
#include <buskin/io/detail/descriptor_core.hpp>

namespace buskin::io::detail {

void set_no_delay(int descriptor) noexcept;

/// The core of a connected socket, on `home`; and a connection of it.
std::shared_ptr<descriptor_core> make_socket_core(worker& home, unique_descriptor descriptor);
connection make_connection(worker& home, unique_descriptor descriptor);

}  // namespace buskin::io::detail
