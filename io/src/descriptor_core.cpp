#include <buskin/io/detail/descriptor_core.hpp>

#include <buskin/io/detail/recycled_handler.hpp>

#include <asio/buffer.hpp>
#include <asio/post.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

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

namespace {

int family_of(int descriptor) noexcept {
  int family = AF_INET;
  socklen_t size = sizeof family;
  ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

std::variant<asio::posix::stream_descriptor, asio::generic::stream_protocol::socket> open(
    asio::io_context& io, int descriptor, descriptor_kind kind) {
  if (kind == descriptor_kind::terminal) return asio::posix::stream_descriptor(io, descriptor);
  return asio::generic::stream_protocol::socket(
      io, asio::generic::stream_protocol(family_of(descriptor), 0), descriptor);
}

}  // namespace

descriptor_core::descriptor_core(worker& home, int descriptor, descriptor_kind kind,
                                 std::string name)
    : stream_core(home),
      object_(open(home.io(), descriptor, kind)),
      descriptor_number_(descriptor),
      kind_(kind),
      name_(std::move(name)) {}

descriptor_core::~descriptor_core() = default;

transfer descriptor_core::transport_read(char* target, std::size_t size) {
  if (front_begin_ != front_end_) {
    const std::size_t count = std::min(size, front_end_ - front_begin_);
    std::memcpy(target, front_.get() + front_begin_, count);
    front_begin_ += count;
    // A front that was filled to the brim may have more behind it.
    if (front_begin_ == front_end_ && front_end_ == front_capacity_ && count != size) {
      front_capacity_ = std::min(front_capacity_ * 4, largest_front);
      front_.reset();
      front_begin_ = front_end_ = 0;
      const transfer more = read_now(target + count, size - count);
      if (more.what == transfer::status::done)
        return {transfer::status::done, count + more.bytes, {}};
      if (more.what != transfer::status::would_block) ending_ = more;
    }
    return {transfer::status::done, count, {}};
  }
  // The end stays the end: Asio would not tell of it a second time.
  if (ending_.what != transfer::status::would_block) return ending_;
  const transfer got = read_now(target, size);
  if (got.what == transfer::status::end || got.what == transfer::status::failed) ending_ = got;
  return got;
}

transfer descriptor_core::read_now(char* target, std::size_t size) noexcept {
  for (;;) {
    const ssize_t got = kind_ == descriptor_kind::socket
                            ? ::recv(descriptor_number_, target, size, 0)
                            : ::read(descriptor_number_, target, size);
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
    const ssize_t put = kind_ == descriptor_kind::socket
                            ? ::send(descriptor_number_, bytes, size, MSG_NOSIGNAL)
                            : ::write(descriptor_number_, bytes, size);
    if (put >= 0) return {transfer::status::done, static_cast<std::size_t>(put), {}};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    return {transfer::status::failed, 0, last_error()};
  }
}

void descriptor_core::watch_readable() {
  // What came for a reader that had given up waits for this one.
  if (front_begin_ != front_end_ || ending_.what != transfer::status::would_block) {
    asio::post(home().io(), [self = shared_from_this(), this] { on_readable(); });
    return;
  }
  if (!front_) front_ = std::make_unique_for_overwrite<char[]>(front_capacity_);
  // A read rather than a wait: where Asio waits, it asks the system to tell it anew each time;
  // where it reads, it does not.
  recycled_handler arrived(
      [self = shared_from_this(), this](const asio::error_code& failure, std::size_t bytes) {
        if (failure == asio::error::operation_aborted) return;
        front_begin_ = 0;
        front_end_ = bytes;
        if (failure == asio::error::eof)
          ending_ = {transfer::status::end, 0, {}};
        else if (failure)
          ending_ = {transfer::status::failed, 0, {failure.value(), std::system_category()}};
        on_readable();
      });
  std::visit(
      [&](auto& object) {
        object.async_read_some(asio::buffer(front_.get(), front_capacity_), std::move(arrived));
      },
      object_);
}

void descriptor_core::watch_writable() {
  std::visit(
      [this](auto& object) {
        object.async_wait(std::remove_reference_t<decltype(object)>::wait_write,
                          [self = shared_from_this(), this](const asio::error_code& failure) {
                            if (!failure) on_writable();
                          });
      },
      object_);
}

void descriptor_core::transport_end_of_writing() {
  if (kind_ == descriptor_kind::socket) ::shutdown(descriptor_number_, SHUT_WR);
}

void descriptor_core::transport_close() {
  asio::error_code
      ignored;  // nobody could do anything about it, and the descriptor is gone either way
  std::visit([&](auto& object) { object.close(ignored); }, object_);
}

}  // namespace buskin::io::detail
