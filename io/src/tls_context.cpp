#include <buskin/io/tls_context.hpp>

#include "tls_settings.hpp"

#include <utility>

namespace buskin::io {

tls_context::tls_context(bool server) : settings_(std::make_shared<detail::tls_settings>(server)) {}

tls_context tls_context::client() { return tls_context(false); }

tls_context tls_context::server(const std::filesystem::path& chain,
                                const std::filesystem::path& key, std::string password) {
  tls_context made(true);
  made.certificate(chain, key, std::move(password));
  return made;
}

tls_context& tls_context::trust(const std::filesystem::path& authorities) {
  settings_->trust(authorities);
  return *this;
}

tls_context& tls_context::certificate(const std::filesystem::path& chain,
                                      const std::filesystem::path& key, std::string password) {
  settings_->certificate(chain, key, std::move(password));
  return *this;
}

tls_context& tls_context::require_client_certificate() {
  settings_->require_client_certificate();
  return *this;
}

tls_context& tls_context::alpn(const std::vector<std::string>& protocols) {
  settings_->alpn(protocols);
  return *this;
}

tls_context& tls_context::allow_truncation() {
  settings_->allow_truncation();
  return *this;
}

tls_context& tls_context::insecure_no_verification() {
  settings_->verify_nobody();
  return *this;
}

bool tls_context::is_server() const noexcept { return settings_->server(); }
ssl_ctx_st* tls_context::native_handle() const noexcept { return settings_->native(); }

}  // namespace buskin::io
