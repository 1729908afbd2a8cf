#include "tls_server_name.hpp"

#include <cstddef>
#include <memory>
#include <new>
#include <string_view>

namespace buskin::io::detail {

namespace {

void free_name(void*, void* name, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<std::string*>(name);
}

/// Where a stream keeps the name.
int place() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_name);
  if (index < 0) throw std::bad_alloc();
  return index;
}

std::string_view kept_name(const SSL* ssl) {
  const auto* name = static_cast<const std::string*>(SSL_get_ex_data(ssl, place()));
  return name != nullptr ? std::string_view(*name) : std::string_view();
}

/// The host name in the extension: a list's length, a kind (0), a length, the name. Empty when
/// there is none, or it is malformed, which OpenSSL refuses later.
std::string_view name_in(const unsigned char* extension, std::size_t size) {
  constexpr std::size_t header = 5;
  if (size < header || extension[2] != TLSEXT_NAMETYPE_host_name) return {};
  const std::size_t length = std::size_t{extension[3]} << 8 | extension[4];
  if (length > size - header) return {};
  return {reinterpret_cast<const char*>(extension) + header, length};
}

int on_hello(SSL* ssl, int* alert, void*) {
  const unsigned char* extension = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &size) != 1)
    return SSL_CLIENT_HELLO_SUCCESS;
  try {
    auto name = std::make_unique<std::string>(name_in(extension, size));
    delete static_cast<std::string*>(SSL_get_ex_data(ssl, place()));  // of a hello before a retry
    SSL_set_ex_data(ssl, place(), nullptr);
    if (SSL_set_ex_data(ssl, place(), name.get()) == 1) {
      static_cast<void>(name.release());
      return SSL_CLIENT_HELLO_SUCCESS;
    }
  } catch (const std::bad_alloc&) {  // an exception cannot pass through OpenSSL
  }
  *alert = SSL_AD_INTERNAL_ERROR;
  return SSL_CLIENT_HELLO_ERROR;
}

/// The name goes into the ticket, which the client cannot read or change.
int on_ticket_made(SSL* ssl, void*) {
  const std::string_view name = kept_name(ssl);
  return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), name.data(), name.size());
}

SSL_TICKET_RETURN on_ticket_seen(SSL* ssl, SSL_SESSION* session, const unsigned char*, std::size_t,
                                 SSL_TICKET_STATUS status, void*) {
  if (status == SSL_TICKET_FATAL_ERR_MALLOC || status == SSL_TICKET_FATAL_ERR_OTHER)
    return SSL_TICKET_RETURN_ABORT;
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  void* bytes = nullptr;
  std::size_t size = 0;
  SSL_SESSION_get0_ticket_appdata(session, &bytes, &size);
  if (std::string_view(static_cast<const char*>(bytes), size) != kept_name(ssl))
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

}  // namespace

void heed_server_names(SSL_CTX* context) {
  place();
  SSL_CTX_set_client_hello_cb(context, &on_hello, nullptr);
  SSL_CTX_set_session_ticket_cb(context, &on_ticket_made, &on_ticket_seen, nullptr);
  // Sessions are in the clients' tickets only; those kept here would know no name.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

std::string sent_server_name(const SSL* ssl) { return std::string(kept_name(ssl)); }

}  // namespace buskin::io::detail
