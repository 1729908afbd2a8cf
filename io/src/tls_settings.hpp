// What a tls_context refers to: OpenSSL's context, and what OpenSSL does not know.
#pragma once

#include <buskin/io/tls_context.hpp>

#include <openssl/ssl.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace buskin::io::detail {

/// Frees what OpenSSL made.
template <auto Free>
struct openssl_free {
  template <class T>
  void operator()(T* what) const noexcept {
    Free(what);
  }
};
using ssl_context_ptr = std::unique_ptr<SSL_CTX, openssl_free<SSL_CTX_free>>;
using ssl_ptr = std::unique_ptr<SSL, openssl_free<SSL_free>>;

/// What the newest entry of OpenSSL's error queue says, in words; the queue is empty then.
std::string openssl_reason();

class tls_settings {
 public:
  explicit tls_settings(bool server);

  // -- before the first use ---------------------------------------------------------------------
  void trust(const std::filesystem::path& authorities);
  void certificate(const std::filesystem::path& chain, const std::filesystem::path& key,
                   std::string password);
  void require_client_certificate();
  void alpn(const std::vector<std::string>& protocols);
  void allow_truncation();
  void verify_nobody();

  bool server() const noexcept { return server_; }
  SSL_CTX* native() const noexcept { return context_.get(); }

  // -- any thread -------------------------------------------------------------------------------
  /// Throws std::invalid_argument when something is missing. From the first call on nothing can be
  /// set.
  void check();
  /// For a new stream. After `check`.
  ssl_ptr make() const;
  bool verifies() const noexcept { return verifies_; }
  bool truncation_allowed() const noexcept { return truncation_allowed_; }

 private:
  void to_be_set(const char* what);
  static int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                             const unsigned char* offered, unsigned offered_size, void* self);

  std::mutex mutex_;
  const bool server_;
  const ssl_context_ptr context_;
  std::vector<unsigned char> protocols_;  // each behind its length
  bool verifies_;
  bool own_trust_ = false;
  bool truncation_allowed_ = false;
  bool in_use_ = false;  // guarded by mutex_; the rest is not changed after it was set
};

}  // namespace buskin::io::detail
