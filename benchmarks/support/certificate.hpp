// A certificate for the length of a program run, in files that are gone afterwards.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace bench {

class certificate {
 public:
  certificate() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bench-tls-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
    EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    X509* const made = X509_new();
    X509_set_version(made, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made), 24 * 3600);
    X509_set_pubkey(made, key);
    X509_sign(made, key, EVP_sha256());
    write(chain(), [made](std::FILE* out) { return PEM_write_X509(out, made); });
    write(this->key(), [key](std::FILE* out) {
      return PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
    X509_free(made);
    EVP_PKEY_free(key);
  }
  ~certificate() { std::filesystem::remove_all(folder_); }
  certificate(const certificate&) = delete;
  certificate& operator=(const certificate&) = delete;

  std::string chain() const { return folder_ / "chain.pem"; }
  std::string key() const { return folder_ / "key.pem"; }

 private:
  template <class Write>
  static void write(const std::string& path, Write content) {
    std::FILE* const out = std::fopen(path.c_str(), "w");
    const bool written = out != nullptr && content(out) == 1;
    if (out != nullptr) std::fclose(out);
    if (!written) throw std::runtime_error("cannot write " + path);
  }
  std::filesystem::path folder_;
};

}  // namespace bench
