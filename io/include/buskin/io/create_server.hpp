// Serving with protocols. asyncio's create_server.
#pragma once

#include <buskin/io/base_protocol.hpp>
#include <buskin/io/serve.hpp>

#include <functional>
#include <memory>
#include <source_location>
#include <string>

namespace buskin::io {

/// Listens as `serve` does, and attaches a protocol that `make` yields to every client, on one of
/// the workers: there `make` is called, for several at a time where there are several workers. An
/// exception of `make` is reported (BK002) and closes that client. Throws as `serve`, and
/// std::invalid_argument for no factory.
task<server> create_server(std::string where, std::function<std::shared_ptr<base_protocol>()> make,
                           serve_options options = {},
                           std::source_location source = std::source_location::current());

}  // namespace buskin::io
