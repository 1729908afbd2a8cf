#include "tls_check.hpp"

#include "tls_peer_name.hpp"
#include "tls_settings.hpp"

#include <stdexcept>

namespace buskin::io::detail {

void check_tls(const tls_context& context, const tls_options& options, tls_side side) {
  if (side == tls_side::client && context.is_server())
    throw std::invalid_argument("a connection needs a TLS context for clients, not for servers");
  if (side == tls_side::server && !context.is_server())
    throw std::invalid_argument("a server needs a TLS context for servers, not for clients");
  if (side == tls_side::client && !options.server_name)
    throw std::invalid_argument(
        "a TLS client has to say whom the server's certificate has to be for: set server_name (an "
        "empty one lets it be for anybody)");
  if (side == tls_side::server && options.server_name)
    throw std::invalid_argument("server_name is for TLS clients, and this is a server's context");
  if (options.server_name && !options.server_name->empty())
    tls_peer_name::parse(*options.server_name);
  if (options.handshake_timeout <= duration::zero() || options.shutdown_timeout <= duration::zero())
    throw std::invalid_argument("a TLS timeout has to be more than nothing");
  context.settings()->check();
}

}  // namespace buskin::io::detail
