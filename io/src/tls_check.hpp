// Whether TLS can be had as asked for, before anything is done for it.
#pragma once

#include <buskin/io/tls_context.hpp>
#include <buskin/io/tls_options.hpp>

#include <cstdint>

namespace buskin::io::detail {

enum class tls_side : std::uint8_t { client, server };

/// Throws std::invalid_argument for a context of the other side, a missing or impossible name of
/// the server, a timeout of nothing, and what the context lacks.
void check_tls(const tls_context& context, const tls_options& options, tls_side side);

}  // namespace buskin::io::detail
