// Certificates for a test, made when it begins and gone when it ends.
#pragma once

#include <boost/test/unit_test.hpp>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

namespace buskin::test {

/// Where PEM files are.
struct identity {
  std::filesystem::path chain;
  std::filesystem::path key;
};

/// What a certificate shall say. Times are seconds from now.
struct certificate_wish {
  std::string names{};  ///< "DNS:example.org,IP:127.0.0.1"
  long from = -3600;
  long until = 3600;
  std::string usage{};     ///< "serverAuth"; empty: any
  std::string password{};  ///< of the key
};

/// An authority with its certificate in `file()`, and what it issues.
class authority {
 public:
  explicit authority(const std::string& name = "the test's authority") {
    std::string pattern = (std::filesystem::temp_directory_path() / "buskin-tls-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    key_ = new_key();
    certificate_ = make(name, {}, nullptr, nullptr, key_.get(), true);
    write(file(), certificate_.get());
  }
  ~authority() { std::filesystem::remove_all(folder_); }
  authority(const authority&) = delete;
  authority& operator=(const authority&) = delete;

  const std::filesystem::path& folder() const noexcept { return folder_; }
  std::filesystem::path file() const { return folder_ / "authority.pem"; }

  identity issue(const std::string& name, const certificate_wish& wish) {
    const auto key = new_key();
    const auto made = make(name, wish, certificate_.get(), key_.get(), key.get(), false);
    return save(made.get(), key.get(), wish.password);
  }

  /// One that nobody else vouches for.
  identity self_signed(const std::string& name, const certificate_wish& wish) {
    const auto key = new_key();
    return save(make(name, wish, nullptr, nullptr, key.get(), false).get(), key.get(), {});
  }

 private:
  struct free_key {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  };
  struct free_certificate {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  };
  using key_ptr = std::unique_ptr<EVP_PKEY, free_key>;
  using certificate_ptr = std::unique_ptr<X509, free_certificate>;

  static key_ptr new_key() { return key_ptr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")); }

  static void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
    BOOST_REQUIRE_MESSAGE(extension != nullptr, "an extension \"" << value << "\" was refused");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  static certificate_ptr make(const std::string& name, const certificate_wish& wish, X509* issuer,
                              EVP_PKEY* issuer_key, EVP_PKEY* key, bool is_authority) {
    static long serial = 0;
    certificate_ptr made(X509_new());
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), wish.from);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), wish.until);
    X509_set_pubkey(made.get(), key);
    X509_NAME* subject = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(made.get(), issuer != nullptr ? X509_get_subject_name(issuer) : subject);
    X509* const from = issuer != nullptr ? issuer : made.get();
    if (is_authority) {
      extend(made.get(), from, NID_basic_constraints, "critical,CA:TRUE");
      extend(made.get(), from, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    if (!wish.names.empty()) extend(made.get(), from, NID_subject_alt_name, wish.names);
    if (!wish.usage.empty()) extend(made.get(), from, NID_ext_key_usage, wish.usage);
    BOOST_REQUIRE(X509_sign(made.get(), issuer != nullptr ? issuer_key : key, EVP_sha256()) != 0);
    return made;
  }

  static std::FILE* open(const std::filesystem::path& path) {
    std::FILE* out = std::fopen(path.c_str(), "w");
    BOOST_REQUIRE(out != nullptr);
    return out;
  }
  static void write(const std::filesystem::path& path, X509* certificate) {
    std::FILE* out = open(path);
    PEM_write_X509(out, certificate);
    std::fclose(out);
  }

  identity save(X509* certificate, EVP_PKEY* key, std::string password) {
    const std::string number = std::to_string(++issued_);
    identity files{folder_ / (number + ".pem"), folder_ / (number + ".key")};
    write(files.chain, certificate);
    std::FILE* out = open(files.key);
    if (password.empty())
      PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    else
      PEM_write_PrivateKey(out, key, EVP_aes_256_cbc(),
                           reinterpret_cast<const unsigned char*>(password.data()),
                           static_cast<int>(password.size()), nullptr, nullptr);
    std::fclose(out);
    return files;
  }

  std::filesystem::path folder_;
  key_ptr key_;
  certificate_ptr certificate_;
  int issued_ = 0;
};

}  // namespace buskin::test
