// What the two ends of a TLS stream agreed on.
#pragma once

#include <buskin/io/tls_certificate.hpp>

#include <optional>
#include <string>

namespace buskin::io {

struct tls_session {
  std::string version;      ///< "TLSv1.3"
  std::string cipher;       ///< "TLS_AES_256_GCM_SHA384"
  std::string alpn;         ///< the application protocol; empty: none was agreed on
  std::string server_name;  ///< the name that the client sent; empty: none
  bool resumed = false;     ///< an earlier session goes on: no certificate was sent anew
  /// The peer showed a certificate, somebody whom the context trusts vouches for it, and it is for
  /// the server's name if there is one.
  bool verified = false;
  std::optional<tls_certificate> peer;  ///< none: it showed none
};

}  // namespace buskin::io
