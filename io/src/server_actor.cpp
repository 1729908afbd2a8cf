#include "server_actor.hpp"

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <utility>

namespace buskin::io::detail {

server_actor::server_actor(caf::actor_config& config, std::vector<listening_socket> sockets,
                           handler_function handler, serve_options options,
                           const std::source_location& created)
    : accepting_actor(config, std::move(sockets), "server \"" + options.name + "\"", created),
      options_(std::move(options)),
      handler_(std::make_shared<const handler_function>(std::move(handler))),
      started_(options_.start) {
  hold();
}

void server_actor::begin() {
  if (closed()) throw invalid_state(title() + " is closed; serve again for another one");
  if (started_) return;
  start(options_.backlog);
  started_ = true;
  enter_or_post([](lean_actor& self) { static_cast<server_actor&>(self).on_clients(); });
}

void server_actor::on_clients() {
  if (!started_ || closed()) return;
  for (int i = 0; i != clients_a_turn; ++i) {
    if (!guests_->has_room(options_.max_connections, *this)) return;
    auto client = next_client();
    if (!client) return;
    welcome(std::move(client));
  }
  look_later();
}

void server_actor::welcome(unique_descriptor client) {
  const auto& workers = scheduler::of(home_system()).workers();
  worker& home = *workers[next_worker_++ % workers.size()];
  std::string name = options_.name + " client " + std::to_string(++clients_);
  auto session = make_lean<session_actor>(
      home_system(), std::move(client), handler_, guests_,
      socket_settings{.keep_alive = options_.keep_alive, .peer_timeout = options_.peer_timeout},
      std::move(name), created());
  guests_->enter(*session);
  session->track(shutdown_phase::ordinary);
  session->pin(home);
  session->launch(nullptr, false, true);
}

void server_actor::on_end() noexcept {
  accepting_actor::on_end();
  guests_->close();
  end_.set();
  drop();
}

}  // namespace buskin::io::detail
