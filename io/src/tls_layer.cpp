#include "tls_layer.hpp"

#include "tls_names.hpp"
#include "tls_peer_name.hpp"
#include "tls_server_name.hpp"

#include <buskin/io/tls_error.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace buskin::io::detail {

namespace {

constexpr int application_data = 0;  // what SSL_set_app_data uses

}  // namespace

// -- OpenSSL's side ---------------------------------------------------------------------------

const BIO_METHOD* tls_layer::memory() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "buskin stream");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(made, &give_input);
    BIO_meth_set_write(made, &take_output);
    BIO_meth_set_ctrl(made, &control);
    return made;
  }();
  return method;
}

int tls_layer::give_input(BIO* bio, char* target, int size) {
  auto& self = *static_cast<tls_layer*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.input_.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t count = std::min(self.input_.size(), static_cast<std::size_t>(size));
  std::memcpy(target, self.input_.data(), count);
  self.input_.remove_prefix(count);
  return static_cast<int>(count);
}

int tls_layer::take_output(BIO* bio, const char* bytes, int size) {
  auto& self = *static_cast<tls_layer*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  try {
    self.out_.append(bytes, static_cast<std::size_t>(size));
  } catch (const std::bad_alloc&) {
    self.out_of_memory_ = true;  // an exception cannot pass through OpenSSL
    return -1;
  }
  return size;
}

long tls_layer::control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int tls_layer::verify(int good, X509_STORE_CTX* verification) {
  if (good == 1) return good;
  auto* const ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& verdict = static_cast<tls_layer*>(SSL_get_ex_data(ssl, application_data))->verdict_;
  verdict.error = X509_STORE_CTX_get_error(verification);
  verdict.depth = X509_STORE_CTX_get_error_depth(verification);
  if (X509* const bad = X509_STORE_CTX_get_current_cert(verification); bad != nullptr) {
    X509_up_ref(bad);
    verdict.certificate.reset(bad);
  }
  return good;
}

tls_layer::tls_layer(std::shared_ptr<tls_settings> settings, const tls_options& options)
    : settings_(std::move(settings)),
      close_timeout_(options.shutdown_timeout),
      ssl_(settings_->make()) {
  BIO* const bio = BIO_new(memory());
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_ex_data(ssl_.get(), application_data, this);
  int mode = SSL_VERIFY_NONE;
  if (settings_->verifies())
    mode = SSL_VERIFY_PEER | (settings_->server() ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
  SSL_set_verify(ssl_.get(), mode, &verify);
  if (settings_->server()) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    if (options.server_name && !options.server_name->empty()) expect(*options.server_name);
  }
}

void tls_layer::expect(const std::string& server_name) {
  const auto name = tls_peer_name::parse(server_name);
  host_ = name.text;
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl_.get());
  // RFC 6125, and since RFC 9525 in no case the subject's common name.
  X509_VERIFY_PARAM_set_hostflags(
      wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  bool set = false;
  if (name.is_address)
    set = X509_VERIFY_PARAM_set1_ip_asc(wanted, host_.c_str()) == 1;
  else
    set = X509_VERIFY_PARAM_set1_host(wanted, host_.data(), host_.size()) == 1 &&
          SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                   host_.data()) == 1;
  if (!set)
    throw std::system_error(make_error_code(tls_error::failed),
                            "cannot ask for " + host_ + ": " + openssl_reason());
}

tls_layer::step tls_layer::judge(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return step::done;
    case SSL_ERROR_WANT_READ:
      return step::wants_input;
    case SSL_ERROR_ZERO_RETURN:
      return step::ended;
    default:
      break;
  }
  if (std::exchange(out_of_memory_, false)) throw std::bad_alloc();
  tls_failure failure;
  unsigned long error = ERR_peek_last_error();
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) error = ERR_peek_error();
  if (verdict_.error != X509_V_OK && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
    failure = explain(verdict_, host_);
  else
    failure = explain(error);
  ERR_clear_error();
  broken_ = true;
  end_reading(failure.code, std::move(failure.text));
  return step::failed;
}

// -- input ------------------------------------------------------------------------------------

transfer tls_layer::feed(input_space& space) {
  const transfer got = read_below(space.data(), space.size());
  if (got.what == transfer::status::done) {
    input_ = {space.data(), got.bytes};
    borrowed_ = true;
  }
  return got;
}

void tls_layer::keep_rest() {
  if (std::exchange(borrowed_, false) && !input_.empty()) {
    rest_.assign(input_);
    input_ = rest_;
  }
  if (!input_.empty()) return;
  if (rest_.capacity() > worth_keeping)
    rest_ = {};
  else
    rest_.clear();
}

transfer tls_layer::end_reading(std::error_code error, std::string why) {
  reason_ = std::move(why);
  read_end_ = {transfer::status::failed, 0, error};
  return read_end_;
}

transfer tls_layer::open() {
  if (read_end_.what != transfer::status::would_block) return read_end_;
  input_space space;
  for (;;) {
    ERR_clear_error();
    const step came_to = judge(SSL_do_handshake(ssl_.get()));
    keep_rest();
    // Also the alert that says why it failed. If nobody takes it, reading will tell.
    flush();
    if (came_to == step::failed) return read_end_;
    if (came_to == step::done) {
      opened_ = true;
      return {transfer::status::done, 0, {}};
    }
    const transfer got =
        came_to == step::ended ? transfer{transfer::status::end, 0, {}} : feed(space);
    if (got.what == transfer::status::would_block) return {};
    if (got.what == transfer::status::end)
      return end_reading(std::make_error_code(std::errc::connection_reset),
                         "it ended the connection during the handshake");
    if (got.what == transfer::status::failed)
      return end_reading(got.error, "the connection broke during the handshake");
  }
}

transfer tls_layer::read(char* target, std::size_t size) {
  if (read_end_.what != transfer::status::would_block) return read_end_;
  if (!opened_) return {};
  input_space space;
  for (;;) {
    std::size_t count = 0;
    ERR_clear_error();
    const step came_to = judge(SSL_read_ex(ssl_.get(), target, size, &count));
    keep_rest();
    if (out_.size() != out_begin_) flush();
    if (came_to == step::done) return {transfer::status::done, count, {}};
    if (came_to == step::failed) return read_end_;
    if (came_to == step::ended) return read_end_ = {transfer::status::end, 0, {}};
    if (out_.size() - out_begin_ > most_answers)
      return end_reading(tls_error::corrupted, "it asks for new keys without end");
    const transfer got = feed(space);
    if (got.what == transfer::status::would_block) return {};
    if (got.what == transfer::status::failed) return read_end_ = got;
    if (got.what == transfer::status::end) {
      if (settings_->truncation_allowed()) return read_end_ = got;
      return end_reading(tls_error::truncated,
                         "the connection ended without TLS's notice; something may be missing");
    }
  }
}

// -- output -----------------------------------------------------------------------------------

transfer tls_layer::write(const char* bytes, std::size_t size) {
  if (!opened_) return {};
  if (const transfer before = flush(); before.what != transfer::status::done) return before;
  std::size_t taken = 0;
  while (taken != size && out_.size() < batch) {
    std::size_t count = 0;
    ERR_clear_error();
    const step came_to = broken_
                             ? step::failed
                             : judge(SSL_write_ex(ssl_.get(), bytes + taken, size - taken, &count));
    if (came_to != step::done) {
      write_error_ = broken_ ? read_end_.error : make_error_code(tls_error::failed);
      return {transfer::status::failed, 0, write_error_};
    }
    taken += count;
  }
  const transfer sent = flush();
  if (sent.what == transfer::status::failed) return sent;
  return {transfer::status::done, taken, {}};
}

transfer tls_layer::flush() {
  if (write_error_) return {transfer::status::failed, 0, write_error_};
  if (flushing_) return {};  // somebody further up the call stack does it
  transfer sent{transfer::status::done, 0, {}};
  if (below() != nullptr) sent = below()->flush();
  flushing_ = true;
  while (sent.what == transfer::status::done && out_begin_ != out_.size()) {
    sent = write_below(out_.data() + out_begin_, out_.size() - out_begin_);
    out_begin_ += sent.bytes;
  }
  flushing_ = false;
  if (sent.what == transfer::status::end || sent.what == transfer::status::failed) {
    look_for_reason();
    write_error_ = broken_      ? read_end_.error
                   : sent.error ? sent.error
                                : std::make_error_code(std::errc::broken_pipe);
    sent = {transfer::status::failed, 0, write_error_};
    out_begin_ = out_.size();
  }
  if (out_begin_ == out_.size()) {
    out_begin_ = 0;
    out_.clear();
    if (out_.capacity() > worth_keeping) out_ = {};
  }
  return sent;
}

/// A peer that does not take our bytes may have said why.
void tls_layer::look_for_reason() {
  if (!opened_ || read_end_.what != transfer::status::would_block) return;
  input_space space;
  for (;;) {
    char first = 0;
    std::size_t count = 0;
    ERR_clear_error();
    const step came_to = judge(SSL_peek_ex(ssl_.get(), &first, 1, &count));
    keep_rest();
    if (came_to != step::wants_input || feed(space).what != transfer::status::done) return;
  }
}

std::size_t tls_layer::unsent() const noexcept {
  return out_.size() - out_begin_ + (below() != nullptr ? below()->unsent() : 0);
}

void tls_layer::end_writing() {
  if (!opened_ || notified_ || broken_ || write_error_) return;
  notified_ = true;
  ERR_clear_error();
  // Less than zero: the peer's notice is not here yet, or cannot be; nobody asks for it now.
  if (SSL_shutdown(ssl_.get()) < 0) ERR_clear_error();
  flush();
}

transfer tls_layer::close() {
  const transfer done{transfer::status::done, 0, {}};
  if (!opened_) return done;
  end_writing();
  std::array<char, 4096> dropped;
  transfer got{transfer::status::done, 0, {}};
  while (got.what == transfer::status::done) got = read(dropped.data(), dropped.size());
  if (got.what == transfer::status::would_block) return got;
  if (const transfer sent = flush(); sent.what == transfer::status::would_block) return sent;
  return below() != nullptr ? below()->close() : done;
}

// -- looking at it ----------------------------------------------------------------------------

std::optional<tls_session> tls_layer::session() const {
  if (!opened_) return std::nullopt;
  SSL* const ssl = ssl_.get();
  tls_session all;
  all.version = SSL_get_version(ssl);
  all.cipher = SSL_get_cipher_name(ssl);
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  all.alpn.assign(protocol, protocol + size);
  if (settings_->server())
    all.server_name = sent_server_name(ssl);
  else if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name))
    all.server_name = name;
  all.resumed = SSL_session_reused(ssl) == 1;
  if (const X509* const peer = SSL_get0_peer_certificate(ssl); peer != nullptr) {
    all.peer = describe(peer);
    all.verified = settings_->verifies() && SSL_get_verify_result(ssl) == X509_V_OK;
  }
  return all;
}

}  // namespace buskin::io::detail
