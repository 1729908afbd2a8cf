#include <buskin/io/detail/socket_options.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

namespace buskin::io::detail {

namespace {

/// A client of a Unix socket has no name of its own: the server's end is called by that where it
/// was let in.
std::string name_of(int descriptor) {
  const auto peer = address::peer_of(descriptor);
  if (peer.family() != AF_UNIX) return "tcp " + peer.to_string();
  if (!peer.path().empty()) return peer.to_string();
  const auto local = address::local_of(descriptor);
  return local.path().empty() ? peer.to_string() : "client of " + local.to_string();
}

/// An idle peer is asked after half of the time, and given up when that has brought no answer; what
/// was sent to it has all of the time to be acknowledged.
void give_up_after(int descriptor, duration limit) noexcept {
  using std::chrono::ceil;
  switch_on(descriptor, SOL_SOCKET, SO_KEEPALIVE);
#ifdef TCP_USER_TIMEOUT
  const auto set = [descriptor](int option, auto count) {
    const int value = static_cast<int>(count);
    ::setsockopt(descriptor, IPPROTO_TCP, option, &value, sizeof value);
  };
  set(TCP_KEEPIDLE, ceil<std::chrono::seconds>(limit / 2).count());
  set(TCP_KEEPINTVL, ceil<std::chrono::seconds>(limit / 8).count());
  set(TCP_USER_TIMEOUT, ceil<std::chrono::milliseconds>(limit).count());
#endif
}

}  // namespace

void check(const socket_settings& settings) {
  if (!settings.peer_timeout) return;
  if (*settings.peer_timeout < std::chrono::seconds(1) ||
      *settings.peer_timeout > std::chrono::hours(8))
    throw std::invalid_argument("a peer_timeout is from 1 s to 8 h");
}

void switch_on(int descriptor, int level, int option) noexcept {
  const int on = 1;
  ::setsockopt(descriptor, level, option, &on, sizeof on);
}

std::shared_ptr<descriptor_core> make_socket_core(worker& home, unique_descriptor descriptor,
                                                  const socket_settings& settings) {
  // Unix sockets know nothing of this, and need not.
  if (settings.no_delay) switch_on(descriptor.get(), IPPROTO_TCP, TCP_NODELAY);
  if (settings.peer_timeout) give_up_after(descriptor.get(), *settings.peer_timeout);
  if (settings.keep_alive) switch_on(descriptor.get(), SOL_SOCKET, SO_KEEPALIVE);
  std::string name = name_of(descriptor.get());
  return std::make_shared<descriptor_core>(home, std::move(descriptor), descriptor_kind::socket,
                                           std::move(name));
}

connection make_connection(worker& home, unique_descriptor descriptor,
                           const socket_settings& settings) {
  return connection(make_socket_core(home, std::move(descriptor), settings));
}

}  // namespace buskin::io::detail
