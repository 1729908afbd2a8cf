// What a certificate says.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace buskin::io {

/// The certificate of a peer. Names are text from outside: whom it is for was checked with
/// `tls_session::verified`, and only then.
struct tls_certificate {
  std::string subject;             ///< "CN=example.org,O=Example" (RFC 2253)
  std::string issuer;              ///< the same of who signed it
  std::vector<std::string> names;  ///< of hosts and IP addresses (subjectAltName)
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
  std::string fingerprint;  ///< SHA-256 of the whole, 64 hexadecimal digits
};

}  // namespace buskin::io
