// Why TLS failed, as a code of std::error_code.
#pragma once

#include <system_error>
#include <type_traits>

namespace buskin::io {

/// What a program can act on. TLS fails with std::system_error: its code compares equal to one of
/// these, and its text names the peer and says the rest.
enum class tls_error {
  // The peer's certificate:
  untrusted = 1,    ///< no authority that we trust vouches for it, or it vouches for itself
  expired,          ///< it, or one above it, is past its time
  not_yet_valid,    ///< it, or one above it, is before its time
  revoked,          ///< it was taken back
  wrong_host,       ///< it is for others than the one we asked for
  bad_certificate,  ///< it is not fit for this use, or broken
  no_certificate,   ///< it showed none, and one is required
  // What both ends have to agree on:
  certificate_refused,  ///< the peer does not accept our certificate, or wants one
  no_common_version,    ///< TLS 1.2 or 1.3 is what we speak
  no_common_cipher,     ///< no cipher that both take
  no_common_protocol,   ///< no application protocol (ALPN) that both speak
  not_tls,              ///< what the peer says is not TLS
  // The bytes:
  corrupted,  ///< they were changed on their way, or are not what TLS permits here
  truncated,  ///< the connection ended without TLS's notice: something may be missing
  refused,    ///< the peer ended it for another reason
  failed,     ///< anything else
  bad_file    ///< a file with a certificate or key that cannot be used
};

const std::error_category& tls_category() noexcept;

inline std::error_code make_error_code(tls_error error) noexcept {
  return {static_cast<int>(error), tls_category()};
}

}  // namespace buskin::io

template <>
struct std::is_error_code_enum<buskin::io::tls_error> : std::true_type {};
