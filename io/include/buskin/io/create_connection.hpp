// Connecting a protocol. asyncio's create_connection.
#pragma once

#include <buskin/io/connection.hpp>
#include <buskin/io/transport.hpp>

#include <concepts>
#include <memory>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

namespace buskin::io {

/// What makes protocols: yields a std::shared_ptr to a new one.
template <class F>
concept protocol_factory =
    std::convertible_to<std::invoke_result_t<F&>, std::shared_ptr<base_protocol>>;

/// Connects as `connect` does ("host:port", "unix:/path", "unix:@name"), makes a protocol, and
/// attaches it. Yields the transport and the protocol. Fails as `connect`, with what `make` throws
/// and with std::invalid_argument when it yields null; the connection is closed then. Cancellation:
/// closes all attempts.
template <protocol_factory Factory>
task<std::pair<transport, std::invoke_result_t<Factory&>>> create_connection(
    std::string where, Factory make, connect_options options = {},
    std::source_location source = std::source_location::current()) {
  stream link = co_await connect(std::move(where), std::move(options), source);
  auto receiver = make();
  transport made = attach(std::move(link), receiver);
  co_return std::pair<transport, std::invoke_result_t<Factory&>>(std::move(made),
                                                                 std::move(receiver));
}

}  // namespace buskin::io
