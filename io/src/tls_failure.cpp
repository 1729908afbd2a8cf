#include "tls_failure.hpp"

#include "tls_names.hpp"

#include <buskin/io/tls_error.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace buskin::io::detail {

namespace {

std::string whose(const tls_verdict& verdict) {
  if (verdict.depth == 0 || !verdict.certificate) return "its certificate";
  return "the certificate of its authority " +
         text_of(X509_get_subject_name(verdict.certificate.get()));
}

std::string wrong_host(const tls_verdict& verdict, const std::string& host) {
  std::string names;
  if (verdict.certificate)
    for (const auto& each : names_in(verdict.certificate.get()))
      names += (names.empty() ? "" : ", ") + each;
  if (names.empty()) return "its certificate names no host, so it is not for " + host;
  return "its certificate is for " + names + ", not for " + host;
}

std::string untrusted(const tls_verdict& verdict) {
  switch (verdict.error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "its certificate is self-signed, and not one of those that are trusted";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return whose(verdict) + " is self-signed, and not one of those that are trusted";
    default:
      if (!verdict.certificate) return "no trusted authority vouches for its certificate";
      return "who issued " + whose(verdict) + " is not trusted, or not known: " +
             text_of(X509_get_issuer_name(verdict.certificate.get()));
  }
}

/// An alert of the peer's: RFC 8446, section 6.
tls_failure refused(int alert, std::string words) {
  // "tlsv13 alert certificate required": the version is that of the alert's invention.
  if (const auto begin = words.find(" alert "); begin != std::string::npos)
    words.erase(0, begin + 7);
  const std::string text = "the peer refused: " + words;
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return {tls_error::certificate_refused, text};
    case SSL_AD_PROTOCOL_VERSION:
      return {tls_error::no_common_version, text};
    case SSL_AD_NO_APPLICATION_PROTOCOL:
      return {tls_error::no_common_protocol, text};
    case SSL_AD_BAD_RECORD_MAC:
    case SSL_AD_DECRYPT_ERROR:
    case SSL_AD_DECODE_ERROR:
      return {tls_error::corrupted, text};
    default:
      return {tls_error::refused, text};
  }
}

tls_error code_of(int reason) {
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_UNKNOWN_PROTOCOL:
      return tls_error::no_common_version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
      return tls_error::no_common_cipher;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return tls_error::no_common_protocol;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return tls_error::no_certificate;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_BAD_RECORD_TYPE:
      return tls_error::not_tls;
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_DECRYPTION_FAILED:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_DATA_LENGTH_TOO_LONG:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_UNEXPECTED_RECORD:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_BAD_SIGNATURE:
    case SSL_R_DIGEST_CHECK_FAILED:
      return tls_error::corrupted;
    default:
      return tls_error::failed;
  }
}

}  // namespace

tls_failure explain(const tls_verdict& verdict, const std::string& host) {
  const X509* const bad = verdict.certificate.get();
  switch (verdict.error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {tls_error::wrong_host, wrong_host(verdict, host)};
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {tls_error::expired,
              whose(verdict) + " expired" +
                  (bad != nullptr ? " on " + text_of(time_of(X509_get0_notAfter(bad))) : "")};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {
          tls_error::not_yet_valid,
          whose(verdict) + " is not valid yet" +
              (bad != nullptr ? ", but from " + text_of(time_of(X509_get0_notBefore(bad))) : "")};
    case X509_V_ERR_CERT_REVOKED:
      return {tls_error::revoked, whose(verdict) + " was revoked"};
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return {tls_error::untrusted, untrusted(verdict)};
    default:
      return {tls_error::bad_certificate,
              whose(verdict) + " cannot be used: " + X509_verify_cert_error_string(verdict.error)};
  }
}

tls_failure explain(unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  const char* const known = ERR_reason_error_string(error);
  const std::string text = known != nullptr ? known : "no reason was given";
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return {tls_error::failed, text};
  if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
    return refused(reason - SSL_AD_REASON_OFFSET, text);
  return {code_of(reason), text};
}

}  // namespace buskin::io::detail
