#include "tls_settings.hpp"

#include "tls_server_name.hpp"

#include <buskin/io/tls_error.hpp>
#include <buskin/runtime/errors.hpp>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509err.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace buskin::io::detail {

namespace {

/// Forward secrecy and authenticated encryption, for TLS 1.2; those of 1.3 are all of that kind.
constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL";

[[noreturn]] void refuse_file(const std::string& what, const std::filesystem::path& file,
                              const std::string& why) {
  throw std::system_error(make_error_code(tls_error::bad_file),
                          what + " " + file.string() + ": " + why);
}

/// OpenSSL's words for a file that is not there are its own; the system's are better known.
void check_readable(const std::string& what, const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || in.peek() == std::ifstream::traits_type::eof()) {
    const int error = errno;
    if (in.is_open() && in.eof()) refuse_file(what, file, "it is empty");
    throw std::system_error(error, std::system_category(), what + " " + file.string());
  }
}

/// The password of a key. Without one OpenSSL would ask at the terminal.
int give_password(char* buffer, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, text.data(), text.size());
  return static_cast<int>(text.size());
}

}  // namespace

std::string openssl_reason() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return "no reason was given";
  if (const char* text = ERR_reason_error_string(error)) return text;
  std::array<char, 256> all;
  ERR_error_string_n(error, all.data(), all.size());
  return all.data();
}

tls_settings::tls_settings(bool server)
    : server_(server),
      context_(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method())),
      verifies_(!server) {
  if (!context_)
    throw std::system_error(make_error_code(tls_error::failed),
                            "cannot make a TLS context: " + openssl_reason());
  SSL_CTX* const native = context_.get();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_security_level(native, 2);
  SSL_CTX_set_cipher_list(native, ciphers);
  SSL_CTX_set_options(
      native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(native, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_RELEASE_BUFFERS);
  // All that was received is taken at once, not a header and then a body.
  SSL_CTX_set_read_ahead(native, 1);
  if (server) {
    // Sessions are resumed with this context only, never with one that trusts others.
    std::array<unsigned char, SSL_MAX_SID_CTX_LENGTH> id;
    RAND_bytes(id.data(), static_cast<int>(id.size()));
    SSL_CTX_set_session_id_context(native, id.data(), static_cast<unsigned>(id.size()));
    heed_server_names(native);
  } else {
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  }
  SSL_CTX_set_verify(native, server ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
}

void tls_settings::to_be_set(const char* what) {
  if (in_use_)
    throw invalid_state(std::string("a TLS context is in use already; ") + what +
                        " has to be set before the first stream");
}

void tls_settings::trust(const std::filesystem::path& authorities) {
  std::lock_guard guard(mutex_);
  to_be_set("whom it trusts");
  const std::string what = "cannot trust the authorities in";
  check_readable(what, authorities);
  ERR_clear_error();
  if (SSL_CTX_load_verify_file(native(), authorities.c_str()) != 1)
    refuse_file(what, authorities, openssl_reason());
  // Clients with several certificates are told which will do.
  if (server_) {
    if (auto* names = SSL_CTX_get_client_CA_list(native()); names != nullptr)
      SSL_add_file_cert_subjects_to_stack(names, authorities.c_str());
    else
      SSL_CTX_set_client_CA_list(native(), SSL_load_client_CA_file(authorities.c_str()));
  }
  own_trust_ = true;
}

void tls_settings::certificate(const std::filesystem::path& chain, const std::filesystem::path& key,
                               std::string password) {
  std::lock_guard guard(mutex_);
  to_be_set("its certificate");
  const std::string certificate_text = "cannot use the certificate in";
  const std::string key_text = "cannot use the private key in";
  check_readable(certificate_text, chain);
  check_readable(key_text, key);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(native(), chain.c_str()) != 1)
    refuse_file(certificate_text, chain, openssl_reason());
  SSL_CTX_set_default_passwd_cb(native(), &give_password);
  SSL_CTX_set_default_passwd_cb_userdata(native(), &password);
  const bool loaded = SSL_CTX_use_PrivateKey_file(native(), key.c_str(), SSL_FILETYPE_PEM) == 1;
  const bool fits = ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH &&
                    (!loaded || SSL_CTX_check_private_key(native()) == 1);
  SSL_CTX_set_default_passwd_cb_userdata(native(), nullptr);
  SSL_CTX_set_default_passwd_cb(native(), nullptr);
  OPENSSL_cleanse(password.data(), password.size());
  if (!fits) refuse_file(key_text, key, "it is not that of the certificate in " + chain.string());
  if (!loaded) refuse_file(key_text, key, openssl_reason());
}

void tls_settings::require_client_certificate() {
  std::lock_guard guard(mutex_);
  to_be_set("that clients need certificates");
  if (!server_) throw std::invalid_argument("a TLS context for clients has no clients");
  verifies_ = true;
}

void tls_settings::alpn(const std::vector<std::string>& protocols) {
  std::lock_guard guard(mutex_);
  to_be_set("the application protocols");
  std::vector<unsigned char> all;
  for (const auto& each : protocols) {
    if (each.empty() || each.size() > 255)
      throw std::invalid_argument("an application protocol has 1 to 255 bytes, not " +
                                  std::to_string(each.size()));
    all.push_back(static_cast<unsigned char>(each.size()));
    all.insert(all.end(), each.begin(), each.end());
  }
  protocols_ = std::move(all);
  if (server_)
    SSL_CTX_set_alpn_select_cb(native(), protocols_.empty() ? nullptr : &choose_protocol, this);
  else if (SSL_CTX_set_alpn_protos(native(), protocols_.data(),
                                   static_cast<unsigned>(protocols_.size())) != 0)
    throw std::bad_alloc();
}

int tls_settings::choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                                  const unsigned char* offered, unsigned offered_size, void* self) {
  const auto& ours = static_cast<const tls_settings*>(self)->protocols_;
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, ours.data(), static_cast<unsigned>(ours.size()),
                            offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

void tls_settings::allow_truncation() {
  std::lock_guard guard(mutex_);
  to_be_set("what an end without notice is");
  truncation_allowed_ = true;
}

void tls_settings::verify_nobody() {
  std::lock_guard guard(mutex_);
  to_be_set("that it verifies nobody");
  if (server_)
    throw std::invalid_argument(
        "a TLS context for servers verifies clients only if it is told to; leave out "
        "require_client_certificate");
  verifies_ = false;
}

void tls_settings::check() {
  std::lock_guard guard(mutex_);
  if (in_use_) return;
  if (server_ && verifies_ && !own_trust_)
    throw std::invalid_argument(
        "a TLS context requires certificates of its clients, but trusts nobody to issue them; name "
        "the authority with trust");
  if (!server_ && verifies_ && !own_trust_) SSL_CTX_set_default_verify_paths(native());
  in_use_ = true;
}

ssl_ptr tls_settings::make() const {
  ssl_ptr ssl(SSL_new(native()));
  if (!ssl)
    throw std::system_error(make_error_code(tls_error::failed),
                            "cannot make a TLS stream: " + openssl_reason());
  return ssl;
}

}  // namespace buskin::io::detail
