#include <buskin/io/serve.hpp>

#include <buskin/actors/timeout.hpp>
#include <buskin/io/detail/readiness_set.hpp>
#include <buskin/io/detail/socket_options.hpp>
#include <buskin/io/tls_error.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>

#include "server_actor.hpp"
#include "tls_check.hpp"

#include <stdexcept>
#include <system_error>
#include <utility>

namespace buskin::io {

namespace detail {

namespace {

/// How the clients of a server get TLS, and what comes after.
struct tls_entrance {
  tls_context context;
  tls_options options;
  std::function<void(std::exception_ptr)> on_failure;
  handler_function handler;
};

task<void> enter(connection client, std::shared_ptr<const tls_entrance> way) {
  std::exception_ptr failure;
  try {
    co_await client.start_tls(way->context, way->options);
  } catch (const std::system_error&) {
    failure = std::current_exception();
  } catch (const timeout_error&) {
    failure = std::current_exception();
  }
  if (!failure)
    co_await way->handler(std::move(client));
  else if (way->on_failure)
    way->on_failure(failure);
}

/// The handler, behind the handshake if there is to be one.
handler_function with_tls(handler_function handler, const serve_options& given) {
  if (!given.tls) {
    if (given.handshake_timeout || given.shutdown_timeout || given.on_handshake_failure)
      throw std::invalid_argument("options of TLS were given for a server without TLS");
    return handler;
  }
  tls_options options;
  if (given.handshake_timeout) options.handshake_timeout = *given.handshake_timeout;
  if (given.shutdown_timeout) options.shutdown_timeout = *given.shutdown_timeout;
  check_tls(*given.tls, options, tls_side::server);
  auto way = std::make_shared<const tls_entrance>(
      tls_entrance{*given.tls, options, given.on_handshake_failure, std::move(handler)});
  return [way](connection client) { return enter(std::move(client), way); };
}

listening_options listening_of(const serve_options& given) {
  return {.backlog = given.backlog,
          .reuse_port = given.reuse_port,
          .start = given.start,
          .socket_mode = given.socket_mode,
          .remove_socket = given.remove_socket};
}

/// What the first stream of a worker needs a descriptor for: none may be left when clients come.
void prepare_workers() {
  for (const auto& owned : here.worker->owner().workers()) {
    worker* const each = owned.get();
    if (each == here.worker)
      readiness_set::of(each->io());
    else
      post_function(*each, [each] { readiness_set::of(each->io()); });
  }
}

server open_server(std::vector<listening_socket> sockets, handler_function handler,
                   serve_options options, const std::source_location& source) {
  auto& home = *here.worker;
  prepare_workers();
  auto actor = make_lean<server_actor>(home.system(), std::move(sockets), std::move(handler),
                                       std::move(options), source);
  actor->track(shutdown_phase::acceptor);
  actor->pin(home);
  actor->launch_here();
  return server(actor);
}

/// Begins to serve, on the server's worker.
class start_wait final : public homed_wait {
 public:
  start_wait(server_actor& server, const std::source_location& where) noexcept
      : homed_wait(wait_kind::other, where), server_(&server) {}
  ~start_wait() { leave(); }
  void await_resume() { check(); }

 private:
  worker& home() const noexcept override { return *server_->home(); }
  bool attempt() override {
    server_->begin();
    return true;
  }
  void enlist() override {}
  void delist() noexcept override {}
  const char* operation() const noexcept override { return "server::start"; }
  std::string whose() const override { return server_->title(); }

  lean_ref<server_actor> server_;
};

task<void> start(server which, server_actor& actor, std::source_location where) {
  co_await start_wait(actor, where);  // which `which` keeps
  static_cast<void>(which);
}

task<void> serve_until_closed(server which, event closed, std::source_location where) {
  co_await which.start(where);
  try {
    co_await closed.wait(where);
  } catch (const cancelled&) {
    which.close();
    throw;
  }
}

task<void> wait_for_the_last(event gone, std::source_location where) { co_await gone.wait(where); }

task<std::size_t> drain(server which, server_actor& actor, duration limit,
                        std::source_location where) {
  which.close();
  co_await actor.end().wait(where);
  guest_list& guests = actor.guests();
  bool late = false;
  try {
    co_await wait_for(guests.gone().wait(where), limit, where);
  } catch (const timeout_error&) {
    late = true;
  }
  if (!late) co_return 0;
  const auto count = guests.cancel(actor.title() + " was drained, and its time is over");
  co_await guests.gone().wait(where);
  co_return count;
}

task<server> serve_at(unique_descriptor socket, handler_function handler, serve_options options,
                      std::source_location source) {
  auto sockets = adopt_bound(std::move(socket), listening_of(options));
  check(socket_settings{.peer_timeout = options.peer_timeout});
  handler = with_tls(std::move(handler), options);
  co_return open_server(std::move(sockets), std::move(handler), std::move(options), source);
}

}  // namespace

}  // namespace detail

server::server(const lean_ref<detail::server_actor>& actor) noexcept : actor_(actor.get()) {}
detail::server_actor& server::self() const noexcept {
  return static_cast<detail::server_actor&>(*actor_);
}

address server::local() const { return self().addresses().front(); }
std::vector<address> server::addresses() const { return self().addresses(); }
bool server::serving() const { return self().serving(); }
void server::close() const {
  actor_->enter_or_post(
      [](lean_actor& actor) { static_cast<detail::server_actor&>(actor).close(); });
}
bool server::closed() const { return self().closed(); }
std::size_t server::connections() const { return self().guests().size(); }
caf::actor server::actor() const { return actor_.handle(); }

void server::close_clients() const {
  using detail::session_actor;
  self().guests().for_each(
      [](session_actor& each) { each.dismiss(session_actor::farewell::close); });
}
void server::abort_clients() const {
  using detail::session_actor;
  self().guests().for_each(
      [](session_actor& each) { each.dismiss(session_actor::farewell::abort); });
}

task<void> server::start(std::source_location where) const {
  return detail::start(*this, self(), where);
}
task<void> server::serve_forever(std::source_location where) const {
  return detail::serve_until_closed(*this, self().end(), where);
}
task<void> server::wait_closed(std::source_location where) const {
  return detail::wait_for_the_last(self().guests().gone(), where);
}
task<std::size_t> server::drain(duration limit, std::source_location where) const {
  return detail::drain(*this, self(), limit, where);
}

task<server> serve(std::string where, std::function<task<void>(connection)> handler,
                   serve_options options, std::source_location source) {
  detail::check(detail::socket_settings{.peer_timeout = options.peer_timeout});
  handler = detail::with_tls(std::move(handler), options);
  auto sockets = co_await detail::bind_at(std::move(where), detail::listening_of(options), source);
  co_return detail::open_server(std::move(sockets), std::move(handler), std::move(options), source);
}

task<server> start_server(std::function<task<void>(connection)> handler, std::string host,
                          std::uint16_t port, serve_options options, std::source_location source) {
  return serve(host_port{std::move(host), port}.to_string(), std::move(handler), std::move(options),
               source);
}

task<server> serve(int socket, std::function<task<void>(connection)> handler, serve_options options,
                   std::source_location source) {
  // No coroutine: one that is never begun would not close it.
  return detail::serve_at(detail::unique_descriptor(socket), std::move(handler), std::move(options),
                          source);
}

}  // namespace buskin::io
