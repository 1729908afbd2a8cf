// Which server a client asks for (SNI, RFC 6066).
//
// What always holds: a session is resumed under the name for which it was made, and under no other;
// what a server decided for one name must not count for another.
#pragma once

#include <openssl/ssl.h>

#include <string>

namespace buskin::io::detail {

/// Lets the streams of a server's context know the name their clients sent.
void heed_server_names(SSL_CTX* context);

/// What the client of a server's stream sent; empty when it sent none.
std::string sent_server_name(const SSL* ssl);

}  // namespace buskin::io::detail
