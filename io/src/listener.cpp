#include <buskin/io/listener.hpp>

#include <buskin/io/detail/readiness_set.hpp>
#include <buskin/io/detail/socket_options.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include "accepting_actor.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <system_error>
#include <utility>

namespace buskin::io {

namespace detail {

/// What always holds: who asks while others wait stands behind them; a client that was taken from
/// the system is with exactly one wait, or in `returned_`.
class listener_actor final : public accepting_actor {
 public:
  listener_actor(caf::actor_config& config, std::vector<listening_socket> sockets,
                 const listen_options& options, const std::source_location& created)
      : accepting_actor(config, std::move(sockets), "listener \"" + options.name + "\"", created),
        settings{.keep_alive = options.keep_alive, .peer_timeout = options.peer_timeout} {
    hold();
  }

  // -- on its home worker -----------------------------------------------------------------------
  /// The next client; none while there is none. Throws when it was closed.
  unique_descriptor take() {
    if (closed_by_hand_)
      throw std::system_error(std::make_error_code(std::errc::operation_canceled),
                              "cannot accept a client: " + title() + " was closed");
    if (returned_.empty()) return next_client();
    auto client = std::move(returned_.front());
    returned_.pop_front();
    return client;
  }
  /// A client that was handed over to somebody who will not have it.
  void give_back(unique_descriptor client) {
    if (closed()) return;
    returned_.push_front(std::move(client));
    line_.tell();
  }
  void enter_line(homed_wait& waiting) noexcept {
    line_.push(waiting);
    ++waiting_;
  }
  void leave_line(homed_wait& waiting) noexcept {
    line_.erase(waiting);
    --waiting_;
  }
  bool anybody_waits() const noexcept { return waiting_ != 0; }

  /// Any thread.
  void close_by_hand() {
    enter_or_post([](lean_actor& actor) {
      auto& self = static_cast<listener_actor&>(actor);
      if (self.closed()) return;
      self.closed_by_hand_ = true;
      self.close();
      self.line_.tell();
    });
  }

  const socket_settings settings;

 protected:
  // With nobody waiting the clients stay in the system's queue.
  void on_clients() override { line_.tell(); }
  void on_end() noexcept override {
    accepting_actor::on_end();
    returned_.clear();
    drop();
  }

 private:
  wait_line line_;
  std::size_t waiting_ = 0;
  std::deque<unique_descriptor> returned_;
  bool closed_by_hand_ = false;  // else the runtime's shutdown ended it
};

/// What the last handle lets go.
class listener_owner {
 public:
  explicit listener_owner(const lean_ref<listener_actor>& actor) noexcept : actor(actor) {}
  ~listener_owner() { actor->close_by_hand(); }
  listener_owner(const listener_owner&) = delete;
  listener_owner& operator=(const listener_owner&) = delete;
  const lean_ref<listener_actor> actor;
};

// -- a wait for a client ------------------------------------------------------------------------

accept_wait::accept_wait(std::shared_ptr<listener_owner> owner,
                         const std::source_location& where) noexcept
    : homed_wait(wait_kind::accept, where), owner_(std::move(owner)) {}

accept_wait::~accept_wait() {
  leave();
  // Its task was ended between the client's coming and its own next step.
  if (client_ && here.worker == &home()) target().give_back(std::move(client_));
}

connection accept_wait::await_resume() {
  check();
  return make_connection(home(), std::move(client_), target().settings);
}

listener_actor& accept_wait::target() const noexcept { return *owner_->actor; }
worker& accept_wait::home() const noexcept { return *target().home(); }
std::string accept_wait::whose() const { return target().title(); }

bool accept_wait::attempt() {
  if (!in_line_ && target().anybody_waits()) return false;
  client_ = target().take();
  return static_cast<bool>(client_);
}

void accept_wait::enlist() {
  in_line_ = true;
  target().enter_line(*this);
}

void accept_wait::delist() noexcept {
  in_line_ = false;
  target().leave_line(*this);
}

// -- opening ------------------------------------------------------------------------------------

namespace {

listening_options listening_of(const listen_options& given) {
  return {.backlog = given.backlog,
          .reuse_port = given.reuse_port,
          .start = true,
          .socket_mode = given.socket_mode,
          .remove_socket = given.remove_socket};
}

listener open_listener(std::vector<listening_socket> sockets, const listen_options& options,
                       const std::source_location& source) {
  auto& home = *here.worker;
  readiness_set::of(home.io());  // needs a descriptor, of which none may be left with the clients
  auto actor = make_lean<listener_actor>(home.system(), std::move(sockets), options, source);
  actor->track(shutdown_phase::acceptor);
  actor->pin(home);
  actor->launch_here();
  return listener(std::make_shared<listener_owner>(actor));
}

task<listener> listen_at(unique_descriptor socket, listen_options options,
                         std::source_location source) {
  auto sockets = adopt_bound(std::move(socket), listening_of(options));
  check(socket_settings{.peer_timeout = options.peer_timeout});
  co_return open_listener(std::move(sockets), options, source);
}

}  // namespace

}  // namespace detail

namespace {

detail::listener_actor& checked(const std::shared_ptr<detail::listener_owner>& owner) {
  if (!owner) throw invalid_state("this listener refers to nothing; it was default-constructed");
  return *owner->actor;
}

}  // namespace

detail::accept_wait listener::accept(std::source_location where) const {
  checked(owner_);
  return {owner_, where};
}

void listener::close() const { checked(owner_).close_by_hand(); }
bool listener::closed() const { return checked(owner_).closed(); }
address listener::local() const { return checked(owner_).addresses().front(); }
std::vector<address> listener::addresses() const { return checked(owner_).addresses(); }

task<listener> listen(std::string where, listen_options options, std::source_location source) {
  detail::check(detail::socket_settings{.peer_timeout = options.peer_timeout});
  auto sockets = co_await detail::bind_at(std::move(where), detail::listening_of(options), source);
  co_return detail::open_listener(std::move(sockets), options, source);
}

task<listener> listen(int socket, listen_options options, std::source_location source) {
  // No coroutine: one that is never begun would not close it.
  return detail::listen_at(detail::unique_descriptor(socket), std::move(options), source);
}

}  // namespace buskin::io
