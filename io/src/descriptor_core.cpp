#include <buskin/io/detail/descriptor_core.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace buskin::io::detail {

std::error_code last_error() noexcept { return {errno, std::system_category()}; }

unique_descriptor& unique_descriptor::operator=(unique_descriptor&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = other.release();
  }
  return *this;
}

unique_descriptor::~unique_descriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

descriptor_core::descriptor_core(worker& home, int descriptor, descriptor_kind kind, std::string name)
    : stream_core(home),
      descriptor_(home.io(), descriptor),
      descriptor_number_(descriptor),
      kind_(kind),
      name_(std::move(name)) {}

descriptor_core::~descriptor_core() = default;

transfer descriptor_core::transport_read(char* target, std::size_t size) {
  for (;;) {
    const ssize_t got = ::read(descriptor_number_, target, size);
    if (got > 0) return {transfer::status::done, static_cast<std::size_t>(got), {}};
    if (got == 0) return {transfer::status::end, 0, {}};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    return {transfer::status::failed, 0, last_error()};
  }
}

transfer descriptor_core::transport_write(const char* bytes, std::size_t size) {
  for (;;) {
    // A write to a socket whose peer is gone must be an error, not a signal.
    const ssize_t put = kind_ == descriptor_kind::socket ? ::send(descriptor_number_, bytes, size, MSG_NOSIGNAL)
                                                         : ::write(descriptor_number_, bytes, size);
    if (put >= 0) return {transfer::status::done, static_cast<std::size_t>(put), {}};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    return {transfer::status::failed, 0, last_error()};
  }
}

void descriptor_core::watch_readable() {
  descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                         [self = shared_from_this(), this](const asio::error_code& failure) {
                           if (!failure) on_readable();
                         });
}

void descriptor_core::watch_writable() {
  descriptor_.async_wait(asio::posix::descriptor_base::wait_write,
                         [self = shared_from_this(), this](const asio::error_code& failure) {
                           if (!failure) on_writable();
                         });
}

void descriptor_core::transport_end_of_writing() {
  if (kind_ == descriptor_kind::socket) ::shutdown(descriptor_number_, SHUT_WR);
}

void descriptor_core::transport_close() {
  asio::error_code ignored;  // nobody could do anything about it, and the descriptor is gone either way
  descriptor_.close(ignored);
}

}  // namespace buskin::io::detail
