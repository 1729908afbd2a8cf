#include <buskin/io/connection.hpp>

#include <buskin/io/detail/connect_race.hpp>
#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/io/detail/readiness_wait.hpp>
#include <buskin/io/detail/socket_options.hpp>
#include <buskin/io/resolve.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "listening_socket.hpp"
#include "tls_check.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace buskin::io {

namespace detail {

namespace {

/// How a connection is made, whereto apart.
struct way {
  std::vector<address> locals;  // none: the system chooses
  socket_settings settings;
  std::source_location source;
};

/// Binds to the first of `locals` that is of the family and free; none of them need be.
void bind_one(int descriptor, const address& where, const std::vector<address>& locals) {
#ifdef IP_BIND_ADDRESS_NO_PORT
  // A port that is left open is chosen with the connection, which leaves many more to choose from.
  switch_on(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
#endif
  const std::string text = "cannot connect to " + where.to_string() + " from ";
  std::optional<std::system_error> failure;
  for (const auto& local : locals) {
    if (local.family() != where.family()) continue;
    if (::bind(descriptor, local.data(), local.size()) == 0) return;
    failure.emplace(last_error(), text + local.to_string());
  }
  if (failure) throw *failure;
  throw std::system_error(std::make_error_code(std::errc::address_family_not_supported),
                          text + locals.front().to_string());
}

task<connection> connect_to(address where, way how) {
  unique_descriptor descriptor(
      ::socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const std::string text = "cannot connect to " + where.to_string();
  if (!descriptor) throw std::system_error(last_error(), text);
  if (!how.locals.empty()) bind_one(descriptor.get(), where, how.locals);
  int failure = 0;
  // A Unix socket with a full queue says so at once, and nothing tells when it has room.
  while ((failure = ::connect(descriptor.get(), where.data(), where.size()) == 0 ? 0 : errno) ==
             EAGAIN &&
         where.family() == AF_UNIX)
    co_await sleep(std::chrono::milliseconds(10));
  if (failure == EINPROGRESS || failure == EINTR) {
    co_await readiness_wait(descriptor.get(), readiness_wait::direction::write, wait_kind::connect,
                            how.source);
    socklen_t size = sizeof failure;
    ::getsockopt(descriptor.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
  }
  if (failure != 0) throw std::system_error(std::error_code(failure, std::system_category()), text);
  co_return make_connection(*here.worker, std::move(descriptor), how.settings);
}

/// Those that can be reached from one of `locals`.
std::vector<address> reachable(std::vector<address> addresses, const std::vector<address>& locals,
                               const connect_options& options, const std::string& where) {
  if (locals.empty()) return addresses;
  std::erase_if(addresses, [&](const address& each) {
    return std::none_of(locals.begin(), locals.end(),
                        [&](const address& local) { return local.family() == each.family(); });
  });
  if (addresses.empty())
    throw std::system_error(std::make_error_code(std::errc::address_family_not_supported),
                            "cannot connect to " + where + " from " + options.local +
                                ": they have no address of the same family");
  return addresses;
}

socket_settings settings_of(const connect_options& options) {
  socket_settings all{options.no_delay, options.keep_alive, options.peer_timeout};
  check(all);
  return all;
}

task<connection> connect_tcp(std::string where, connect_options options,
                             std::source_location source) {
  way how{{}, settings_of(options), source};
  if (!options.local.empty())
    how.locals = co_await resolve(host_port::parse(options.local), resolve_for::listening, source);
  const auto addresses =
      reachable(co_await resolve(host_port::parse(where), resolve_for::connecting, source),
                how.locals, options, where);
  if (addresses.size() == 1) co_return co_await connect_to(addresses.front(), std::move(how));
  const auto attempt = [how](address each) { return connect_to(each, how); };
  co_return co_await connect_race<connection>(std::move(where), addresses,
                                              options.happy_eyeballs_delay, attempt);
}

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
  check_tls(*given.tls, all, tls_side::client);
  return all;
}

}  // namespace

}  // namespace detail

connection::credentials connection::peer_credentials() const {
  const std::string text = "cannot tell who is at the other end of " + describe();
#ifdef SO_PEERCRED
  ucred found{};
  socklen_t size = sizeof found;
  const int failed = ::getsockopt(descriptor(), SOL_SOCKET, SO_PEERCRED, &found, &size);
  if (failed != 0) throw std::system_error(detail::last_error(), text);
  // Of other sockets the system says that it is nobody.
  if (found.pid != 0 || found.uid != static_cast<uid_t>(-1))
    return {found.pid, found.uid, found.gid};
#endif
  throw std::system_error(std::make_error_code(std::errc::operation_not_supported), text);
}

task<connection> connect(std::string where, connect_options options, std::source_location source) {
  const bool local = detail::is_unix(where);
  if (local && !options.local.empty())
    throw std::invalid_argument("a connection to " + where +
                                " comes from nowhere: local is for TCP");
  const auto tls =
      detail::tls_options_of(options, local ? std::string() : host_port::parse(where).host);
  connection made;
  if (local)
    made = co_await detail::connect_to(detail::unix_address(where),
                                       {{}, detail::settings_of(options), source});
  else
    made = co_await detail::connect_tcp(std::move(where), options, source);
  if (tls) co_await made.start_tls(*options.tls, *tls, source);
  co_return made;
}

task<connection> open_connection(std::string host, std::uint16_t port, connect_options options,
                                 std::source_location source) {
  return connect(host_port{std::move(host), port}.to_string(), std::move(options), source);
}

}  // namespace buskin::io
