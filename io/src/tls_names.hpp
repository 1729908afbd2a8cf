// What certificates say, in our types.
#pragma once

#include <buskin/io/tls_certificate.hpp>

#include <openssl/x509.h>

#include <chrono>
#include <string>
#include <vector>

namespace buskin::io::detail {

/// "CN=example.org,O=Example".
std::string text_of(const X509_NAME* name);
/// Hosts and IP addresses of the subjectAltName.
std::vector<std::string> names_in(const X509* certificate);
std::chrono::system_clock::time_point time_of(const ASN1_TIME* when);
/// "2024-05-01 12:00:00 UTC".
std::string text_of(std::chrono::system_clock::time_point when);
tls_certificate describe(const X509* certificate);

}  // namespace buskin::io::detail
