// What every TCP connection of ours is set to.
#pragma once

#include <buskin/io/connection.hpp>
#include <buskin/io/detail/descriptor_core.hpp>

namespace buskin::io::detail {

void set_no_delay(int descriptor) noexcept;

/// A connection of a connected socket, on `home`.
connection make_connection(worker& home, unique_descriptor descriptor);

}  // namespace buskin::io::detail
