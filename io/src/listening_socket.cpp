#include "listening_socket.hpp"

#include <buskin/io/detail/socket_options.hpp>
#include <buskin/io/resolve.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace buskin::io::detail {

namespace {

constexpr std::string_view unix_prefix = "unix:";

unique_descriptor new_socket(int family) {
  return unique_descriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

std::string text_of(const address& where) { return "cannot listen at " + where.to_string(); }

}  // namespace

bool is_unix(const std::string& where) noexcept { return where.starts_with(unix_prefix); }

address unix_address(const std::string& where) {
  return address::of_path(std::string_view(where).substr(unix_prefix.size()));
}

void start_listening(int descriptor, int backlog) {
  if (::listen(descriptor, backlog) != 0)
    throw std::system_error(last_error(), text_of(address::local_of(descriptor)));
}

// -- the file of a Unix socket ------------------------------------------------------------------

socket_file::socket_file(const address& where) {
  const std::string path = where.path();
  struct stat about {};
  if (path.empty() || path.front() == '@' || ::lstat(path.c_str(), &about) != 0 ||
      !S_ISSOCK(about.st_mode))
    return;
  path_ = std::filesystem::absolute(path);
  device_ = about.st_dev;
  inode_ = about.st_ino;
}

void socket_file::remove() noexcept {
  struct stat about {};
  if (!path_.empty() && ::lstat(path_.c_str(), &about) == 0 && about.st_dev == device_ &&
      about.st_ino == inode_)
    ::unlink(path_.c_str());
  path_.clear();
}

namespace {

/// Whether `path` names the socket file that `other` was bound to.
bool is_file_of(const std::string& path, const struct stat& file, const std::string& other) {
  if (other == path) return true;
  // Whose working directory it goes from is not told: better one file too many is left alone.
  if (other.front() != '/')
    return std::filesystem::path(other).filename() == std::filesystem::path(path).filename();
  struct stat about {};
  return ::lstat(other.c_str(), &about) == 0 && about.st_dev == file.st_dev &&
         about.st_ino == file.st_ino;
}

/// Whether a socket is bound to the file that does not listen yet: whoever knocks is refused there
/// as at a file that was left behind. One in another network namespace is not seen.
bool is_held(const std::string& path, const struct stat& file) {
  // Num RefCount Protocol Flags Type St Inode Path
  static constexpr std::string_view not_listening = "00000000";
  static constexpr std::string_view not_connected = "01";  // a server's clients have its path too
  std::ifstream all("/proc/net/unix");
  for (std::string line; std::getline(all, line);) {
    std::istringstream fields(line);
    std::string skipped, flags, state, other;
    fields >> skipped >> skipped >> skipped >> flags >> skipped >> state >> skipped >> std::ws;
    if (flags == not_listening && state == not_connected && std::getline(fields, other) &&
        !other.starts_with('@') && is_file_of(path, file, other))
      return true;
  }
  return false;
}

/// Whether nobody listens there. Whoever is busy (EAGAIN) or of another kind (EPROTOTYPE) does.
bool is_refused(const address& where) {
  const auto probe = new_socket(AF_UNIX);
  return probe && ::connect(probe.get(), where.data(), where.size()) != 0 && errno == ECONNREFUSED;
}

/// Whether a socket's file is all that its maker has left. One that begins to listen after the
/// first question, and is not held unlistening any more at the second, is there at the third.
bool is_stale(const address& where, const struct stat& file) {
  return is_refused(where) && !is_held(where.path(), file) && is_refused(where);
}

/// Binds in place of a file that was left behind. Of several who find the same file only one may
/// look and replace it, or the last would remove the socket of the first: a name without a file is
/// their lock, which goes with the process too.
bool bind_instead(int descriptor, const address& where) {
  const std::string path = where.path();
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
  const auto name = address::of_path("@buskin replaces " + std::to_string(found.st_dev) + ":" +
                                     std::to_string(found.st_ino));
  const auto lock = new_socket(AF_UNIX);
  if (!lock || ::bind(lock.get(), name.data(), name.size()) != 0) return false;
  struct stat still {};
  if (::lstat(path.c_str(), &still) != 0 || still.st_dev != found.st_dev ||
      still.st_ino != found.st_ino || !is_stale(where, still))
    return false;
  ::unlink(path.c_str());
  return ::bind(descriptor, where.data(), where.size()) == 0;
}

listening_socket bind_unix(const address& where, const listening_options& options) {
  if (options.reuse_port)
    throw std::invalid_argument("reuse_port is for TCP; only one can listen at " +
                                where.to_string());
  listening_socket made{new_socket(AF_UNIX), {}};
  if (!made.descriptor || ::bind(made.descriptor.get(), where.data(), where.size()) != 0) {
    const auto error = last_error();
    if (error != std::errc::address_in_use || !bind_instead(made.descriptor.get(), where))
      throw std::system_error(error, text_of(where));
  }
  made.file = socket_file(where);
  // Nobody gets in before it listens.
  const std::string path = where.path();
  if (path.front() != '@' && ::chmod(path.c_str(), options.socket_mode) != 0)
    throw std::system_error(last_error(), text_of(where));
  if (options.start) start_listening(made.descriptor.get(), options.backlog);
  if (!options.remove_socket) made.file.keep();
  return made;
}

// -- TCP ----------------------------------------------------------------------------------------

unique_descriptor bind_tcp(const address& where, const listening_options& options) {
  unique_descriptor socket = new_socket(where.family());
  if (!socket) throw std::system_error(last_error(), text_of(where));
  switch_on(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  if (options.reuse_port) switch_on(socket.get(), SOL_SOCKET, SO_REUSEPORT);
  if (where.family() == AF_INET6) switch_on(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (::bind(socket.get(), where.data(), where.size()) != 0)
    throw std::system_error(last_error(), text_of(where));
  if (options.start) start_listening(socket.get(), options.backlog);
  return socket;
}

/// Whether the host has no such addresses; one that has others is served at those.
bool is_unavailable(const std::error_code& error) {
  return error == std::errc::address_family_not_supported ||
         error == std::errc::address_not_available;
}

/// At one port; where any will do, at one that is free at all the addresses.
std::vector<listening_socket> bind_at_all(const std::vector<address>& addresses,
                                          const listening_options& options) {
  for (int attempts_left = 8;; --attempts_left) {
    std::vector<listening_socket> sockets;
    std::exception_ptr unavailable;
    bool taken = false;
    for (auto where : addresses) {
      const bool chosen = where.port() == 0 && !sockets.empty();
      if (chosen) where.set_port(address::local_of(sockets.front().descriptor.get()).port());
      try {
        sockets.push_back({bind_tcp(where, options), {}});
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

int option_of(int socket, int which) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, which, &value, &size) == 0 ? value : -1;
}

}  // namespace

task<std::vector<listening_socket>> bind_at(std::string where, listening_options options,
                                            std::source_location source) {
  std::vector<listening_socket> sockets;
  if (is_unix(where)) {
    sockets.push_back(bind_unix(unix_address(where), options));
  } else {
    const auto addresses =
        co_await resolve(host_port::parse(where), resolve_for::listening, source);
    sockets = bind_at_all(addresses, options);
  }
  co_return sockets;
}

std::vector<listening_socket> adopt_bound(unique_descriptor bound,
                                          const listening_options& options) {
  const int descriptor = bound.get();
  std::vector<listening_socket> sockets;
  sockets.push_back({std::move(bound), {}});
  const std::string text = "cannot listen at descriptor " + std::to_string(descriptor);
  const int kind = option_of(descriptor, SO_TYPE);
  if (kind < 0) throw std::system_error(last_error(), text);
  if (kind != SOCK_STREAM)
    throw std::invalid_argument(text + ": it is not a socket of connections");
  const auto where = address::local_of(descriptor);
  const bool named = where.family() == AF_UNIX ? !where.path().empty() : where.port() != 0;
  if (!named) throw std::invalid_argument(text + ": it is not bound to an address");
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0)
    throw std::system_error(last_error(), text);
  if (options.start && option_of(descriptor, SO_ACCEPTCONN) == 0)
    start_listening(descriptor, options.backlog);
  if (options.remove_socket) sockets.front().file = socket_file(where);
  return sockets;
}

}  // namespace buskin::io::detail
