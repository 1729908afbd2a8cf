// What a client of the gateway can say, and what it is told.
#pragma once

#include "hub.hpp"

#include <buskin/buskin.hpp>

#include <memory>

namespace gateway {

/// Serves one client until it goes away.
buskin::task<void> serve_client(std::shared_ptr<hub> shared, buskin::io::connection client);

}  // namespace gateway
