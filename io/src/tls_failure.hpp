// OpenSSL's reasons as codes of ours, and in words.
#pragma once

#include "tls_settings.hpp"

#include <openssl/x509.h>

#include <memory>
#include <string>
#include <system_error>

namespace buskin::io::detail {

struct tls_failure {
  std::error_code code;
  std::string text;
};

/// What was wrong with a peer's certificates, as they were verified.
struct tls_verdict {
  int error = X509_V_OK;
  int depth = 0;  // 0: its own; more: that of an authority above it
  std::unique_ptr<X509, openssl_free<X509_free>> certificate;
};

/// `host`: whom it should have been for.
tls_failure explain(const tls_verdict& verdict, const std::string& host);
/// An entry of OpenSSL's error queue.
tls_failure explain(unsigned long error);

}  // namespace buskin::io::detail
