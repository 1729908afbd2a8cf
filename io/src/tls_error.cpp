#include <buskin/io/tls_error.hpp>

#include <string>

namespace buskin::io {

namespace {

const char* text_of(tls_error error) noexcept {
  switch (error) {
    case tls_error::untrusted:
      return "untrusted certificate";
    case tls_error::expired:
      return "expired certificate";
    case tls_error::not_yet_valid:
      return "certificate not yet valid";
    case tls_error::revoked:
      return "revoked certificate";
    case tls_error::wrong_host:
      return "certificate of another host";
    case tls_error::bad_certificate:
      return "unfit certificate";
    case tls_error::no_certificate:
      return "no certificate from the peer";
    case tls_error::certificate_refused:
      return "certificate refused by the peer";
    case tls_error::no_common_version:
      return "no TLS version in common";
    case tls_error::no_common_cipher:
      return "no cipher in common";
    case tls_error::no_common_protocol:
      return "no application protocol in common";
    case tls_error::not_tls:
      return "not TLS";
    case tls_error::corrupted:
      return "corrupted TLS bytes";
    case tls_error::truncated:
      return "ended without TLS's notice";
    case tls_error::refused:
      return "ended by the peer";
    case tls_error::failed:
      return "TLS failed";
    case tls_error::bad_file:
      return "unusable certificate or key file";
  }
  return "unknown TLS error";
}

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "tls"; }
  std::string message(int value) const override { return text_of(static_cast<tls_error>(value)); }
};

}  // namespace

const std::error_category& tls_category() noexcept {
  static const category only;
  return only;
}

}  // namespace buskin::io
