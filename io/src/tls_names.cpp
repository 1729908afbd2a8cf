#include "tls_names.hpp"

#include "tls_settings.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <memory>

namespace buskin::io::detail {

namespace {

std::string hexadecimal(const unsigned char* bytes, std::size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i != size; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

/// A name is whatever somebody wrote into a certificate, and may be bound for a terminal or a log.
std::string harmless(const unsigned char* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i != size; ++i) {
    if (bytes[i] > 0x20 && bytes[i] < 0x7f)
      text += static_cast<char>(bytes[i]);
    else
      text += "\\x" + hexadecimal(bytes + i, 1);
  }
  return text;
}

std::string address_text(const unsigned char* bytes, std::size_t size) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (size == 4 || size == 16)
    ::inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text.data(), text.size());
  return text.data();
}

}  // namespace

std::string text_of(const X509_NAME* name) {
  const std::unique_ptr<BIO, openssl_free<BIO_free>> out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
    return {};
  const char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

std::vector<std::string> names_in(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, openssl_free<GENERAL_NAMES_free>> all(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> names;
  for (int i = 0; all && i != sk_GENERAL_NAME_num(all.get()); ++i) {
    int kind = 0;
    const auto* value = static_cast<const ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all.get(), i), &kind));
    if (kind != GEN_DNS && kind != GEN_IPADD) continue;
    const unsigned char* bytes = ASN1_STRING_get0_data(value);
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(value));
    names.push_back(kind == GEN_DNS ? harmless(bytes, size) : address_text(bytes, size));
  }
  return names;
}

std::chrono::system_clock::time_point time_of(const ASN1_TIME* when) {
  std::tm parts{};
  if (when == nullptr || ASN1_TIME_to_tm(when, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string text_of(std::chrono::system_clock::time_point when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> text;
  return std::string(text.data(),
                     std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts));
}

tls_certificate describe(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) size = 0;
  return {text_of(X509_get_subject_name(certificate)),
          text_of(X509_get_issuer_name(certificate)),
          names_in(certificate),
          time_of(X509_get0_notBefore(certificate)),
          time_of(X509_get0_notAfter(certificate)),
          hexadecimal(digest.data(), size)};
}

}  // namespace buskin::io::detail
