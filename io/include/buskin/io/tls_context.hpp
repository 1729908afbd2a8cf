// Whom we trust, who we are, and what we speak: what the TLS streams of a program have in common.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace buskin::io {

namespace detail {
class tls_settings;
}

/// The settings of TLS streams; copies refer to the same. TLS 1.2 and 1.3 with forward secrecy and
/// authenticated ciphers, without renegotiation and compression.
///
/// Make one at the start and keep it: files are read when they are named, by the thread that names
/// them; the system's authorities with the first stream. The setters return the context itself, and
/// throw invalid_state once a stream has used it. A file that cannot be used is std::system_error
/// (tls_error::bad_file, or the system's), with its path.
class tls_context {
 public:
  /// For clients. A server has to show a certificate that is for the host we asked for, from an
  /// authority that this system trusts, or one of `trust`.
  static tls_context client();
  /// For servers: the certificate followed by those of the authorities between it and the root, and
  /// the private key, in PEM. `password`: of an encrypted key.
  static tls_context server(const std::filesystem::path& chain, const std::filesystem::path& key,
                            std::string password = {});

  /// Trusts the authorities in this PEM file, and no longer those of the system. May be repeated.
  tls_context& trust(const std::filesystem::path& authorities);
  /// What we show when the peer asks who we are. Servers have theirs.
  tls_context& certificate(const std::filesystem::path& chain, const std::filesystem::path& key,
                           std::string password = {});
  /// For servers: refuses clients without a certificate from one of `trust`, which is then needed
  /// (mutual TLS). Which client it is says `stream::tls`.
  tls_context& require_client_certificate();
  /// The application protocols, best first: "h2", "http/1.1". The server's order decides; a server
  /// refuses clients who offer others only. Throws std::invalid_argument for one that is empty or
  /// has more than 255 bytes.
  tls_context& alpn(const std::vector<std::string>& protocols);
  /// Takes a connection that just ends for the end of the stream, as asyncio does. Otherwise it is
  /// an error (tls_error::truncated): somebody in between may have cut it.
  tls_context& allow_truncation();
  /// For clients: takes any certificate of anybody for any host. Whoever is in between reads and
  /// changes everything. For experiments only.
  tls_context& insecure_no_verification();

  bool is_server() const noexcept;
  /// For settings that are not offered here, before the first use.
  ssl_ctx_st* native_handle() const noexcept;

  const std::shared_ptr<detail::tls_settings>& settings() const noexcept { return settings_; }

 private:
  explicit tls_context(bool server);
  std::shared_ptr<detail::tls_settings> settings_;
};

}  // namespace buskin::io
