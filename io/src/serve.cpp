// What always holds: the listener accepts only while fewer than max_connections handlers run; a
// client's descriptor is owned by its session actor from its first turn on.
#include <buskin/io/serve.hpp>

#include <buskin/actors/detail/actor_timer.hpp>
#include <buskin/io/detail/socket_options.hpp>
#include <buskin/io/resolve.hpp>
#include <buskin/io/tls_error.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>

#include "tls_check.hpp"

#include <asio/posix/stream_descriptor.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace buskin::io {

namespace detail {

using handler_function = std::function<task<void>(connection)>;

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

}  // namespace

/// A client's actor: the handler's coroutine runs in it, and owns the connection.
class session_actor final : public task_actor_base {
 public:
  session_actor(caf::actor_config& config, unique_descriptor client,
                std::shared_ptr<const handler_function> handler,
                std::shared_ptr<std::atomic<std::size_t>> count, std::string name,
                const std::source_location& created)
      : task_actor_base(config, std::move(name), created),
        client_(std::move(client)),
        handler_(std::move(handler)),
        count_(std::move(count)) {}

 protected:
  void on_start() override {
    try {
      auto core = make_socket_core(*here.worker, std::move(client_));
      core_ = core;
      auto body = (*handler_)(connection(std::move(core)));
      root_ = body.release();
    } catch (...) {
      failure_ = std::current_exception();
    }
    if (root_) {
      root_.promise().started_by(nullptr);
      stack().start(root_);
      on_signal();
    } else {
      settle_failed();
    }
  }

  std::exception_ptr collect() noexcept override {
    try {
      root_.promise().take();
    } catch (const std::system_error& error) {
      // The client went away: that is how most connections end.
      const auto& code = error.code();
      if (code == std::errc::connection_reset || code == std::errc::broken_pipe ||
          code == tls_error::truncated || code == tls_error::refused)
        return nullptr;
      return std::current_exception();
    } catch (...) {
      return std::current_exception();
    }
    return nullptr;
  }

  void on_end() noexcept override {
    task_actor_base::on_end();
    // Also when the handler left a copy of its connection behind.
    if (const auto core = core_.lock()) core->close();
    count_->fetch_sub(1, std::memory_order_acq_rel);
  }

 private:
  void settle_failed() {
    auto fail = [](std::exception_ptr error) -> task<void> {
      std::rethrow_exception(error);
      co_return;
    };
    root_ = fail(failure_).release();
    root_.promise().started_by(nullptr);
    stack().start(root_);
    on_signal();
  }

  unique_descriptor client_;
  std::weak_ptr<stream_core> core_;
  std::shared_ptr<const handler_function> handler_;
  std::shared_ptr<std::atomic<std::size_t>> count_;
  task<void>::handle_type root_;
  std::exception_ptr failure_;
};

class server_actor final : public lean_actor {
 public:
  server_actor(caf::actor_config& config, std::vector<unique_descriptor> sockets,
               handler_function handler, serve_options options, const std::source_location& created)
      : lean_actor(config),
        options_(std::move(options)),
        handler_(std::make_shared<const handler_function>(std::move(handler))),
        created_(created),
        local_(io::address::local_of(sockets.front().get())) {
    for (auto& socket : sockets)
      listeners_.push_back(std::make_shared<listener>(here.worker->io(), socket.release()));
    hold();
  }

  io::address local() const { return local_; }
  std::size_t connections() const noexcept { return count_->load(std::memory_order_acquire); }
  std::string title() const override {
    return "server \"" + options_.name + "\" at " + local_.to_string();
  }

 protected:
  void on_start() override { watch(); }
  void on_message(caf::mailbox_element_ptr& element) override { refuse(*element); }
  void on_exit_request(caf::exit_msg&) override { quit(); }
  void on_signal() override {
    if (!pause_.take()) return;
    paused_ = false;
    watch();
  }
  void on_end() noexcept override {
    pause_.clear();
    for (auto& each : listeners_) {
      asio::error_code ignored;
      each->socket.close(ignored);
    }
    drop();
  }

 private:
  static constexpr auto retry = std::chrono::milliseconds(100);
  static constexpr int accepts_a_turn = 64;

  struct listener {
    listener(asio::io_context& io, int descriptor) : socket(io, descriptor) {}
    asio::posix::stream_descriptor socket;
    bool watching = false;
  };

  void watch() {
    for (auto& each : listeners_) {
      if (each->watching || !each->socket.is_open()) continue;
      each->watching = true;
      each->socket.async_wait(
          asio::posix::descriptor_base::wait_read,
          [self = lean_ref<server_actor>(this), each](const asio::error_code& failure) {
            each->watching = false;
            if (failure) return;
            self->enter_or_post([each](lean_actor& actor) {
              static_cast<server_actor&>(actor).accept_from(*each);
            });
          });
    }
  }

  void accept_from(listener& from) {
    for (int i = 0; i != accepts_a_turn && from.socket.is_open(); ++i) {
      if (connections() >= options_.max_connections) {
        rest();
        return;
      }
      unique_descriptor client(
          ::accept4(from.socket.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (client) {
        complained_ = false;
        start(std::move(client));
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      // Out of descriptors or memory. The queue stays readable, so an immediate retry would spin.
      const auto error = last_error();
      if (!std::exchange(complained_, true))
        scheduler::of(home_system())
            .owner()
            .report({"BK020",
                     title() + " cannot accept clients: " + error.message() +
                         "; it tries again every 100 ms",
                     nullptr,
                     {},
                     created_});
      rest();
      return;
    }
    watch();
  }

  /// Looks again after a while.
  void rest() {
    if (std::exchange(paused_, true)) return;
    pause_.set(retry);
  }

  void start(unique_descriptor client) {
    auto& owner = scheduler::of(home_system());
    const auto& workers = owner.workers();
    worker& home = *workers[next_worker_++ % workers.size()];
    count_->fetch_add(1, std::memory_order_acq_rel);
    std::string name = options_.name + " client " + std::to_string(++clients_);
    auto session = make_lean<session_actor>(home_system(), std::move(client), handler_, count_,
                                            std::move(name), created_);
    session->track(shutdown_phase::ordinary);
    session->pin(home);
    session->launch(nullptr, false, true);
  }

  const serve_options options_;
  const std::shared_ptr<const handler_function> handler_;
  const std::source_location created_;
  const io::address local_;
  std::vector<std::shared_ptr<listener>> listeners_;
  std::shared_ptr<std::atomic<std::size_t>> count_ = std::make_shared<std::atomic<std::size_t>>(0);
  actor_timer pause_{*this};
  std::size_t next_worker_ = 0;
  std::uint64_t clients_ = 0;
  bool paused_ = false;
  bool complained_ = false;
};

namespace {

unique_descriptor listen_at(const address& where, int backlog) {
  const std::string text = "cannot listen at " + where.to_string();
  unique_descriptor socket(::socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) throw std::system_error(last_error(), text);
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (where.family() == AF_INET6)
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(socket.get(), where.data(), where.size()) != 0 || ::listen(socket.get(), backlog) != 0)
    throw std::system_error(last_error(), text);
  return socket;
}

/// Whether the host has no such addresses; one that has others is served at those.
bool is_unavailable(const std::error_code& error) {
  return error == std::errc::address_family_not_supported ||
         error == std::errc::address_not_available;
}

/// At one port; where any will do, at one that is free at all the addresses.
std::vector<unique_descriptor> listen_at_all(const std::vector<address>& addresses, int backlog) {
  for (int attempts_left = 8;; --attempts_left) {
    std::vector<unique_descriptor> sockets;
    std::exception_ptr unavailable;
    bool taken = false;
    for (auto where : addresses) {
      const bool chosen = where.port() == 0 && !sockets.empty();
      if (chosen) where.set_port(address::local_of(sockets.front().get()).port());
      try {
        sockets.push_back(listen_at(where, backlog));
      } catch (const std::system_error& error) {
        taken = chosen && attempts_left > 0 && error.code() == std::errc::address_in_use;
        if (taken) break;
        if (!is_unavailable(error.code())) throw;
        unavailable = std::current_exception();
      }
    }
    if (taken) continue;
    if (sockets.empty()) std::rethrow_exception(unavailable);
    return sockets;
  }
}

}  // namespace

}  // namespace detail

server::server(const lean_ref<detail::server_actor>& actor) noexcept : actor_(actor.get()) {}
detail::server_actor& server::self() const noexcept {
  return static_cast<detail::server_actor&>(*actor_);
}
address server::local() const { return self().local(); }
void server::close() const {
  actor_->enter_or_post([](lean_actor& server) { server.quit(); });
}
bool server::closed() const { return actor_->ended(); }
std::size_t server::connections() const { return self().connections(); }
caf::actor server::actor() const { return actor_.handle(); }

task<server> serve(std::string where, std::function<task<void>(connection)> handler,
                   serve_options options, std::source_location source) {
  handler = detail::with_tls(std::move(handler), options);
  auto addresses = co_await resolve(host_port::parse(where), resolve_for::listening, source);
  auto sockets = detail::listen_at_all(addresses, options.backlog);
  auto& home = *detail::here.worker;
  auto actor = detail::make_lean<detail::server_actor>(
      home.system(), std::move(sockets), std::move(handler), std::move(options), source);
  actor->track(shutdown_phase::acceptor);
  actor->pin(home);
  actor->launch(nullptr, false, true);
  co_return server(actor);
}

}  // namespace buskin::io
