// Linux: TIOCGPTN tells the two sides of a pseudo terminal apart.
#include <buskin/io/from_descriptor.hpp>

#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/runtime/errors.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>

namespace buskin::io {

namespace {

using detail::descriptor_kind;

int socket_option(int descriptor, int which) {
  int value = 0;
  socklen_t size = sizeof value;
  ::getsockopt(descriptor, SOL_SOCKET, which, &value, &size);
  return value;
}

descriptor_kind kind_of(int descriptor, const std::string& text) {
  struct stat about {};
  if (::fstat(descriptor, &about) != 0) throw std::system_error(detail::last_error(), text);
  if (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode))
    throw std::invalid_argument(text + ": it is a file, which buskin::io::file reads and writes");
  if (S_ISFIFO(about.st_mode)) return descriptor_kind::pipe;
  if (S_ISSOCK(about.st_mode)) {
    if (socket_option(descriptor, SO_ACCEPTCONN) != 0)
      throw std::invalid_argument(text + ": it is a socket that listens");
    if (socket_option(descriptor, SO_TYPE) != SOCK_STREAM)
      throw std::invalid_argument(text + ": it is a socket of datagrams");
    return descriptor_kind::socket;
  }
  unsigned number = 0;
  return ::ioctl(descriptor, TIOCGPTN, &number) == 0 ? descriptor_kind::pseudo_terminal
                                                     : descriptor_kind::terminal;
}

}  // namespace

stream from_descriptor(int descriptor, std::string name) {
  detail::unique_descriptor owned(descriptor);
  if (detail::here.worker == nullptr)
    throw invalid_state("from_descriptor was called outside of a running buskin::runtime");
  if (name.empty()) name = "descriptor " + std::to_string(descriptor);
  const std::string text = "cannot make a stream of " + name;
  const auto kind = kind_of(descriptor, text);
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0)
    throw std::system_error(detail::last_error(), text);
  try {
    return stream(std::make_shared<detail::descriptor_core>(*detail::here.worker, std::move(owned),
                                                            kind, std::move(name)));
  } catch (const std::system_error& failure) {
    throw std::system_error(failure.code(), text + ": it cannot be waited for");
  }
}

}  // namespace buskin::io
