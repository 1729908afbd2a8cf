// The handshake: a wait of the task that asks for TLS.
#include <buskin/actors/timeout.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/errors.hpp>

#include "tls_check.hpp"
#include "tls_layer.hpp"

#include <chrono>
#include <system_error>
#include <utility>

namespace buskin::io {

namespace detail {

namespace {

class handshake_wait final : public reader_wait {
 public:
  handshake_wait(std::shared_ptr<stream_core> core, std::string peer,
                 const std::source_location& where) noexcept
      : reader_wait(wait_kind::connect, std::move(core), where), peer_(std::move(peer)) {}
  void await_resume() { check(); }

 private:
  bool attempt() override {
    const transfer step = core_->open_layer();
    if (step.what == transfer::status::would_block) return false;
    if (step.what == transfer::status::done) return true;
    const std::string reason = core_->layer()->reason();
    throw std::system_error(step.error,
                            "TLS with " + peer_ + (reason.empty() ? "" : ": " + reason));
  }

  const std::string peer_;
};

std::string seconds(duration length) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(length).count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

task<void> shake_hands(std::shared_ptr<stream_core> core, std::string peer, duration limit,
                       std::source_location where) {
  std::string late = "the TLS handshake with " + peer + " took longer than " + seconds(limit);
  try {
    co_await wait_for(handshake_wait(core, std::move(peer), where), limit, where);
  } catch (const timeout_error& error) {
    core->abort();
    throw timeout_error(late, error.cause());
  } catch (...) {
    // What the peer is told (an alert) was handed down already.
    core->abort();
    throw;
  }
}

/// `bytes` keeps the stream from being closed by its last handle.
task<void> start_tls(stream bytes, std::shared_ptr<stream_core> core, tls_context context,
                     tls_options options, std::source_location where) {
  check_tls(context, options, context.is_server() ? tls_side::server : tls_side::client);
  auto layer = std::make_unique<tls_layer>(context.settings(), options);
  do {
    co_await bytes.drain(where);
  } while (core->unsent() != 0);
  if (core->closing() || core->write_ended()) core->throw_closed("start TLS on");
  if (core->has_reader())
    throw invalid_state("a task reads " + core->describe() + "; TLS can begin when that is over");
  if (core->has_gap())
    throw invalid_state("a file is sent over " + core->describe() +
                        "; TLS can begin when that is over");
  std::string peer = core->describe();
  if (options.server_name && !options.server_name->empty())
    peer = *options.server_name + " (" + peer + ")";
  core->add_layer(std::move(layer));
  co_await shake_hands(core, std::move(peer), options.handshake_timeout, where);
}

}  // namespace

}  // namespace detail

task<void> stream::start_tls(tls_context context, tls_options options,
                             std::source_location where) const {
  return detail::start_tls(*this, core(), std::move(context), std::move(options), where);
}

std::optional<tls_session> stream::tls() const {
  const auto* layer = core()->layer();
  return layer != nullptr ? layer->session() : std::nullopt;
}

}  // namespace buskin::io
