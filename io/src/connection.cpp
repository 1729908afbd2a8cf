#include <buskin/io/connection.hpp>

#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/io/detail/readiness_wait.hpp>
#include <buskin/io/detail/socket_options.hpp>
#include <buskin/io/resolve.hpp>
#include <buskin/runtime/errors.hpp>

#include "tls_check.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <stdexcept>
#include <utility>

namespace buskin::io {

namespace detail {

void set_no_delay(int descriptor) noexcept {
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

std::shared_ptr<descriptor_core> make_socket_core(worker& home, unique_descriptor descriptor) {
  set_no_delay(descriptor.get());
  std::string name = "tcp " + address::peer_of(descriptor.get()).to_string();
  return std::make_shared<descriptor_core>(home, std::move(descriptor), descriptor_kind::socket,
                                           std::move(name));
}

connection make_connection(worker& home, unique_descriptor descriptor) {
  return connection(make_socket_core(home, std::move(descriptor)));
}

namespace {

task<connection> connect_to(address where, std::source_location source) {
  unique_descriptor descriptor(
      ::socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const std::string text = "cannot connect to " + where.to_string();
  if (!descriptor) throw std::system_error(last_error(), text);
  int failure = ::connect(descriptor.get(), where.data(), where.size()) == 0 ? 0 : errno;
  if (failure == EINPROGRESS || failure == EINTR) {
    co_await readiness_wait(descriptor.get(), readiness_wait::direction::write, wait_kind::connect,
                            source);
    socklen_t size = sizeof failure;
    ::getsockopt(descriptor.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
  }
  if (failure != 0) throw std::system_error(std::error_code(failure, std::system_category()), text);
  co_return make_connection(*here.worker, std::move(descriptor));
}

}  // namespace

}  // namespace detail

namespace {

/// What the options come to for a connection to `host`.
std::optional<tls_options> tls_options_of(const connect_options& given, const std::string& host) {
  if (!given.tls) {
    if (given.server_name || given.handshake_timeout || given.shutdown_timeout)
      throw std::invalid_argument("options of TLS were given for a connection without TLS");
    return std::nullopt;
  }
  tls_options all{.server_name = given.server_name};
  if (!all.server_name && !host.empty()) all.server_name = host;
  if (given.handshake_timeout) all.handshake_timeout = *given.handshake_timeout;
  if (given.shutdown_timeout) all.shutdown_timeout = *given.shutdown_timeout;
  detail::check_tls(*given.tls, all, detail::tls_side::client);
  return all;
}

}  // namespace

task<connection> connect(std::string where, connect_options options, std::source_location source) {
  const auto target = host_port::parse(where);
  const auto tls = tls_options_of(options, target.host);
  const auto addresses = co_await resolve(target, resolve_for::connecting, source);
  connection made;
  std::exception_ptr failure;
  for (const auto& each : addresses) {
    try {
      made = co_await detail::connect_to(each, source);
      break;
    } catch (const std::system_error&) {
      failure = std::current_exception();
    }
  }
  if (!made) std::rethrow_exception(failure);
  if (tls) co_await made.start_tls(*options.tls, *tls, source);
  co_return made;
}

task<connection> open_connection(std::string host, std::uint16_t port, connect_options options,
                                 std::source_location source) {
  return connect(host_port{std::move(host), port}.to_string(), std::move(options), source);
}

}  // namespace buskin::io
