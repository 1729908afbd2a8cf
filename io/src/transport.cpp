#include <buskin/io/transport.hpp>

#include <buskin/actors/monitor.hpp>
#include <buskin/io/create_server.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include "protocol_actor.hpp"

#include <exception>
#include <stdexcept>
#include <utility>

namespace buskin::io {

namespace {

using detail::protocol_actor;

/// Calls `effect` now on the connection's worker, whose thread nobody else can be in its actor;
/// else it is posted, and what it throws there ends the connection: nobody is there to be told.
template <class F>
void on_worker(protocol_actor& self, F effect) {
  if (detail::here.worker == self.home()) {
    const lean_actor::turn now(self);
    effect(self);
  } else {
    self.post([effect = std::move(effect)](lean_actor& actor) mutable {
      auto& posted = static_cast<protocol_actor&>(actor);
      try {
        effect(posted);
      } catch (...) {
        posted.end_with(std::current_exception());
      }
    });
  }
}

}  // namespace

transport::transport(const lean_ref<detail::protocol_actor>& actor) noexcept
    : actor_(actor.get()) {}

detail::protocol_actor& transport::self() const {
  if (!actor_) throw invalid_state("this transport refers to nothing; it was default-constructed");
  return static_cast<detail::protocol_actor&>(*actor_);
}

// -- writing ------------------------------------------------------------------------------------

void transport::write(std::string_view bytes) const { write(std::span(&bytes, 1)); }

void transport::write(std::span<const std::string_view> pieces) const {
  auto& actor = self();
  if (detail::here.worker == actor.home()) {
    const lean_actor::turn now(actor);
    actor.write(pieces);
    return;
  }
  std::string all;
  for (const auto piece : pieces) all += piece;
  actor.post([all = std::move(all)](lean_actor& posted) {
    const std::string_view bytes = all;
    try {
      static_cast<protocol_actor&>(posted).write(std::span(&bytes, 1));
    } catch (const invalid_state&) {  // after write_eof: nobody is here to be told
    }
  });
}

void transport::write_eof() const {
  on_worker(self(), [](protocol_actor& actor) { actor.write_eof(); });
}

void transport::set_write_buffer_limits(write_buffer_limits limits) const {
  const std::size_t high = limits.high ? *limits.high : limits.low ? 4 * *limits.low : 64 * 1024;
  const std::size_t low = limits.low ? *limits.low : high / 4;
  if (high < low)
    throw std::invalid_argument("the high mark of a write buffer, " + std::to_string(high) +
                                ", is below the low one, " + std::to_string(low));
  on_worker(self(), [high, low](protocol_actor& actor) { actor.set_limits(high, low); });
}

write_buffer_limits transport::get_write_buffer_limits() const { return self().limits(); }
std::size_t transport::write_buffer_size() const { return self().unsent(); }

// -- reading ------------------------------------------------------------------------------------

void transport::pause_reading() const {
  on_worker(self(), [](protocol_actor& actor) { actor.pause_reading(); });
}
void transport::resume_reading() const {
  on_worker(self(), [](protocol_actor& actor) { actor.resume_reading(); });
}
bool transport::is_reading() const { return self().reading(); }

// -- ending -------------------------------------------------------------------------------------

void transport::close() const {
  on_worker(self(), [](protocol_actor& actor) { actor.close(); });
}
void transport::abort() const {
  on_worker(self(), [](protocol_actor& actor) { actor.abort(); });
}
bool transport::is_closing() const { return self().closing(); }

// -- the rest -----------------------------------------------------------------------------------

void transport::set_protocol(std::shared_ptr<base_protocol> receiver) const {
  if (!receiver) throw std::invalid_argument("set_protocol was given no protocol");
  on_worker(self(), [receiver = std::move(receiver)](protocol_actor& actor) {
    actor.set_protocol(receiver);
  });
}
std::shared_ptr<base_protocol> transport::get_protocol() const { return self().current_protocol(); }
const transport_info& transport::info() const { return self().info(); }
int transport::descriptor() const { return self().descriptor(); }
std::optional<tls_session> transport::tls() const { return self().tls(); }
caf::actor transport::actor() const { return self(), actor_.handle(); }

transport attach(stream bytes, std::shared_ptr<base_protocol> receiver) {
  const auto& core = detail::core_of(bytes);
  if (detail::here.worker == &core->home() && core->has_reader())
    throw invalid_state("somebody reads " + core->describe() +
                        "; it can be attached to a protocol when that is over");
  return protocol_actor::start(std::move(bytes), std::move(receiver), shutdown_phase::ordinary);
}

// -- serving ------------------------------------------------------------------------------------

namespace {

/// The session of a client: it holds the connection until the protocol has lost it.
task<void> run_protocol(connection client, std::shared_ptr<base_protocol> receiver) {
  const auto link =
      protocol_actor::start(std::move(client), std::move(receiver), shutdown_phase::owned);
  const auto ending = monitor(link.actor());
  co_await ending;  // why was told to the protocol
}

}  // namespace

task<server> create_server(std::string where, std::function<std::shared_ptr<base_protocol>()> make,
                           serve_options options, std::source_location source) {
  if (!make) throw std::invalid_argument("create_server was given no factory");
  auto handler = [make = std::move(make)](connection client) {
    return run_protocol(std::move(client), make());
  };
  return serve(std::move(where), std::move(handler), std::move(options), source);
}

}  // namespace buskin::io
