// TLS as a layer of a stream.
//
// OpenSSL sees memory only: it is handed what was read from below, and what it wants to send is
// collected here and handed down after its call. So nothing that happens below, which may wake
// others who use this very stream, happens inside a call of OpenSSL.
#pragma once

#include "tls_failure.hpp"
#include "tls_settings.hpp"

#include <buskin/io/detail/stream_layer.hpp>
#include <buskin/io/tls_options.hpp>

#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace buskin::io::detail {

class tls_layer final : public stream_layer {
 public:
  /// Throws std::invalid_argument for a server's name that cannot be one, and when the settings
  /// lack something.
  tls_layer(std::shared_ptr<tls_settings> settings, const tls_options& options);

  transfer open() override;
  transfer read(char* target, std::size_t size) override;
  transfer write(const char* bytes, std::size_t size) override;
  transfer flush() override;
  std::size_t unsent() const noexcept override;
  void end_writing() override;
  transfer close() override;
  duration close_timeout() const noexcept override { return close_timeout_; }
  std::string reason() const override { return reason_; }
  std::optional<tls_session> session() const override;

 private:
  /// As much as OpenSSL takes at once: a record.
  using input_space = std::array<char, 16 * 1024>;
  static constexpr std::size_t batch = 64 * 1024;  // encrypted before it is handed down
  static constexpr std::size_t most_answers = 64 * 1024;
  static constexpr std::size_t worth_keeping = 4 * 1024;

  enum class step : std::uint8_t { done, wants_input, ended, failed };

  static const BIO_METHOD* memory();
  static int give_input(BIO* bio, char* target, int size);
  static int take_output(BIO* bio, const char* bytes, int size);
  static long control(BIO* bio, int command, long number, void* pointer);
  static int verify(int good, X509_STORE_CTX* verification);

  void expect(const std::string& server_name);
  /// What an OpenSSL call came to. A failure is the end of everything.
  step judge(int result);
  /// Reads from below what OpenSSL is given next; until `keep_rest` it stays in `space`.
  transfer feed(input_space& space);
  void keep_rest();
  void look_for_reason();
  transfer end_reading(std::error_code error, std::string why);

  const std::shared_ptr<tls_settings> settings_;
  const duration close_timeout_;
  ssl_ptr ssl_;
  std::string_view input_;  // for OpenSSL to take: of rest_, or of a space (borrowed_)
  std::string rest_;
  std::string out_;  // to be handed down, from out_begin_ on
  std::size_t out_begin_ = 0;
  std::string host_;  // whom the peer has to be
  tls_verdict verdict_;
  std::string reason_;
  transfer read_end_;            // what every further read gets; would_block: not yet
  std::error_code write_error_;  // what every further write gets
  bool borrowed_ = false;
  bool opened_ = false;
  bool notified_ = false;  // told the peer that nothing more comes
  bool broken_ = false;    // OpenSSL has given up
  bool flushing_ = false;
  bool out_of_memory_ = false;
};

}  // namespace buskin::io::detail
