#include <buskin/io/connection.hpp>

#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/io/detail/readiness_wait.hpp>
#include <buskin/io/detail/socket_options.hpp>
#include <buskin/io/resolve.hpp>
#include <buskin/runtime/errors.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

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

task<connection> connect(std::string where, std::source_location source) {
  const auto addresses = co_await resolve(host_port::parse(where), resolve_for::connecting, source);
  std::exception_ptr failure;
  for (const auto& each : addresses) {
    try {
      co_return co_await detail::connect_to(each, source);
    } catch (const std::system_error&) {
      failure = std::current_exception();
    }
  }
  std::rethrow_exception(failure);
}

task<connection> open_connection(std::string host, std::uint16_t port,
                                 std::source_location source) {
  return connect(host_port{std::move(host), port}.to_string(), source);
}

}  // namespace buskin::io
