#include <buskin/io/datagram.hpp>

#include "datagram_actor.hpp"

#include <buskin/io/resolve.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>
#include <utility>
#include <vector>

namespace buskin::io {

namespace detail {

// -- waits --------------------------------------------------------------------------------------

receive_wait::receive_wait(std::shared_ptr<datagram_owner> socket,
                           const std::source_location& where)
    : homed_wait(wait_kind::read, where), socket_(std::move(socket)) {}

bool receive_wait::attempt() {
  if (!socket_->actor->try_receive(target(), got_)) return false;
  received();
  return true;
}
worker& receive_wait::home() const noexcept { return *socket_->actor->home(); }
void receive_wait::enlist() { socket_->actor->receivers().push(*this); }
void receive_wait::delist() noexcept { socket_->actor->receivers().erase(*this); }
std::string receive_wait::whose() const { return socket_->actor->describe(); }

std::span<char> receive_packet_wait::target() { return landing(); }

void receive_packet_wait::received() { bytes_.assign(landing().data(), got_.size); }

packet receive_packet_wait::await_resume() {
  check();
  return {std::move(bytes_), got_.from};
}

send_wait::send_wait(std::shared_ptr<datagram_owner> socket, std::optional<std::string_view> bytes,
                     std::optional<address> to, const std::source_location& where)
    : homed_wait(wait_kind::write, where),
      socket_(std::move(socket)),
      bytes_(bytes),
      to_(to),
      drain_(!bytes) {}

bool send_wait::attempt() {
  auto& socket = *socket_->actor;
  if (bytes_) {
    socket.check_destination(to_);
    socket.send(*std::exchange(bytes_, std::nullopt), to_);
  }
  return socket.unsent() <= (drain_ ? 0 : socket.high_water());
}
worker& send_wait::home() const noexcept { return *socket_->actor->home(); }
wait_line& send_wait::line() const noexcept {
  return drain_ ? socket_->actor->drainers() : socket_->actor->senders();
}
void send_wait::enlist() { line().push(*this); }
void send_wait::delist() noexcept { line().erase(*this); }
std::string send_wait::whose() const { return socket_->actor->describe(); }

// -- opening ------------------------------------------------------------------------------------

namespace {

std::shared_ptr<datagram_owner> own(unique_descriptor socket) {
  auto& home = *here.worker;
  auto actor = make_lean<datagram_actor>(home.system(), std::move(socket));
  actor->track(shutdown_phase::ordinary);
  actor->pin(home);
  actor->hold();  // until its end, whoever has a handle
  actor->launch(nullptr, false, true);
  return std::make_shared<datagram_owner>(actor);
}

void set_size(int socket, int name, std::size_t bytes) {
  const int size = static_cast<int>(bytes);
  if (bytes != 0) ::setsockopt(socket, SOL_SOCKET, name, &size, sizeof size);
}

address any_of(int family) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  return family == AF_INET6 ? address(reinterpret_cast<const sockaddr*>(&v6), sizeof v6)
                            : address(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
}

unique_descriptor make_socket(const address& local, const std::optional<address>& remote,
                              const datagram_options& options) {
  unique_descriptor socket(::socket(local.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const std::string text = "cannot open a datagram socket at " + local.to_string();
  if (!socket) throw std::system_error(last_error(), text);
  const int on = 1;
  if (options.reuse_port) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (options.broadcast) ::setsockopt(socket.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  if (local.family() == AF_INET6 && !options.local.empty())
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  set_size(socket.get(), SO_RCVBUF, options.receive_buffer);
  set_size(socket.get(), SO_SNDBUF, options.send_buffer);
  if (::bind(socket.get(), local.data(), local.size()) != 0)
    throw std::system_error(last_error(), text);
  if (remote && ::connect(socket.get(), remote->data(), remote->size()) != 0)
    throw std::system_error(last_error(),
                            "cannot open a datagram socket to " + remote->to_string());
  return socket;
}

}  // namespace

}  // namespace detail

task<datagram> datagram::open(datagram_options options, std::source_location where) {
  std::vector<address> locals;
  std::vector<address> remotes;
  if (!options.local.empty())
    locals = co_await resolve(host_port::parse(options.local), resolve_for::listening, where);
  if (!options.remote.empty())
    remotes = co_await resolve(host_port::parse(options.remote), resolve_for::connecting, where);
  if (remotes.empty()) {
    const auto& local = locals.empty() ? detail::any_of(AF_INET) : locals.front();
    co_return datagram(detail::own(detail::make_socket(local, std::nullopt, options)));
  }
  // The first way to the peer that its own address, if one is wished for, permits.
  std::exception_ptr failure;
  for (const auto& remote : remotes) {
    auto candidates = locals;
    if (locals.empty()) candidates.push_back(detail::any_of(remote.family()));
    for (const auto& local : candidates) {
      if (local.family() != remote.family()) continue;
      try {
        co_return datagram(detail::own(detail::make_socket(local, remote, options)));
      } catch (const std::system_error&) {
        failure = std::current_exception();
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
  throw std::invalid_argument("no address of " + options.local + " is of the family of " +
                              options.remote);
}

task<datagram> datagram::bind(std::string local, std::source_location where) {
  return open({.local = std::move(local)}, where);
}

task<datagram> datagram::connect(std::string remote, std::source_location where) {
  return open({.remote = std::move(remote)}, where);
}

datagram datagram::from_descriptor(int descriptor) {
  if (detail::here.worker == nullptr)
    throw invalid_state(
        "datagram::from_descriptor was called outside of a running buskin::runtime");
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
    throw std::system_error(detail::last_error(),
                            "descriptor " + std::to_string(descriptor) + " is no socket");
  if (type != SOCK_DGRAM)
    throw std::system_error(std::make_error_code(std::errc::wrong_protocol_type),
                            "descriptor " + std::to_string(descriptor) + " is no datagram socket");
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  return datagram(detail::own(detail::unique_descriptor(descriptor)));
}

// -- using --------------------------------------------------------------------------------------

const std::shared_ptr<detail::datagram_owner>& datagram::owner_checked() const {
  if (!owner_)
    throw invalid_state("this datagram socket was not opened; it was default-constructed");
  return owner_;
}
detail::datagram_actor& datagram::self() const { return *owner_checked()->actor; }

detail::send_wait datagram::send(std::string_view bytes, std::source_location where) const {
  return {owner_checked(), bytes, std::nullopt, where};
}
detail::send_wait datagram::send_to(std::string_view bytes, const address& to,
                                    std::source_location where) const {
  return {owner_checked(), bytes, to, where};
}
detail::send_wait datagram::drain(std::source_location where) const {
  return {owner_checked(), std::nullopt, std::nullopt, where};
}

void datagram::join(const std::string& group, const std::string& interface) const {
  self().change_group(true, group, interface);
}
void datagram::leave(const std::string& group, const std::string& interface) const {
  self().change_group(false, group, interface);
}

void datagram::set_multicast_interface(const std::string& interface) const {
  const std::string what = "set the multicast interface";
  if (local().family() == AF_INET6) {
    const int index = static_cast<int>(self().interface_index(interface));
    self().set_option(IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index, what);
  } else {
    ip_mreqn request{};
    request.imr_ifindex = static_cast<int>(self().interface_index(interface));
    self().set_option(IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request, what);
  }
}

void datagram::set_multicast_hops(int hops) const {
  if (hops < 0 || hops > 255)
    throw std::invalid_argument("multicast hops are 0 to 255, not " + std::to_string(hops));
  const std::string what = "set the multicast hops";
  if (local().family() == AF_INET6)
    self().set_option(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops, what);
  else
    self().set_option(IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops, what);
}

void datagram::set_multicast_loop(bool on) const {
  const int value = on ? 1 : 0;
  const std::string what = "set the multicast loop";
  if (local().family() == AF_INET6)
    self().set_option(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &value, sizeof value, what);
  else
    self().set_option(IPPROTO_IP, IP_MULTICAST_LOOP, &value, sizeof value, what);
}

void datagram::close() const { self().close(); }
bool datagram::closed() const noexcept { return !owner_ || owner_->actor->ended(); }
address datagram::local() const { return self().local(); }
std::optional<address> datagram::peer() const { return self().peer(); }
std::size_t datagram::unsent() const { return self().unsent(); }
void datagram::set_high_water(std::size_t bytes) const { self().set_high_water(bytes); }
int datagram::descriptor() const { return self().descriptor(); }
std::string datagram::describe() const { return self().describe(); }
caf::actor datagram::actor() const { return owner_checked()->actor.handle(); }

}  // namespace buskin::io
