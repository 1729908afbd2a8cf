#include <buskin/io/detail/descriptor_core.hpp>

#include <buskin/runtime/detail/scheduler.hpp>

#include <fcntl.h>
#if defined(__linux__)
#include <sys/sendfile.h>
#endif
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

namespace buskin::io::detail {

namespace {

// The signal is the thread's own, so it can be taken back before anybody sees it.
template <class Call>
ssize_t without_signal(Call call) noexcept {
  sigset_t only;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&only);
  sigaddset(&only, SIGPIPE);
  sigpending(&pending);
  const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &only, &before);
  const ssize_t put = call();
  const int error = errno;
  if (put < 0 && error == EPIPE && !was_pending) {
    const timespec at_once{};
    while (sigtimedwait(&only, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return put;
}

}  // namespace

ssize_t write_without_signal(int descriptor, const char* bytes, std::size_t size) noexcept {
  return without_signal([&] { return ::write(descriptor, bytes, size); });
}

ssize_t write_without_signal(int descriptor, std::span<const iovec> pieces) noexcept {
  return without_signal(
      [&] { return ::writev(descriptor, pieces.data(), static_cast<int>(pieces.size())); });
}

ssize_t send_file_without_signal([[maybe_unused]] int socket, [[maybe_unused]] int file,
                                 [[maybe_unused]] std::uint64_t offset,
                                 [[maybe_unused]] std::size_t count) noexcept {
#if defined(__linux__)
  auto from = static_cast<off_t>(offset);
  return without_signal([&] { return ::sendfile(socket, file, &from, count); });
#else
  errno = ENOSYS;
  return -1;
#endif
}

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

descriptor_core::descriptor_core(worker& home, unique_descriptor descriptor, descriptor_kind kind,
                                 std::string name)
    : stream_core(home),
      descriptor_(std::move(descriptor)),
      name_(std::move(name)),
      kind_(kind),
      written_only_(kind == descriptor_kind::pipe &&
                    (::fcntl(descriptor_.get(), F_GETFL) & O_ACCMODE) == O_WRONLY) {
  readiness_set::of(home.io()).add(*this, descriptor_.get());
}

// While the descriptor is still open.
descriptor_core::~descriptor_core() { readiness_set::remove(*this); }

void descriptor_core::on_readiness(readiness what) {
  const auto keep = shared_from_this();  // whoever is told may drop the last handle
  calls_ = 0;
  if (what.ended) ended_ = true;
  if (what.readable) {
    readable_ = true;
    on_readable();
  }
  if (what.writable) on_writable();
  if (what.ended && written_only_) lose_reader();
}

std::string descriptor_core::hint(const std::error_code& error) const {
  if (kind_ != descriptor_kind::socket || error != std::errc::timed_out) return {};
  return ", whose system gave no sign: it is gone, or the network loses what is sent (where small "
         "messages arrive and large ones do not, packets are larger than it lets through)";
}

void descriptor_core::on_loop_end() noexcept {
  abandon();
  descriptor_ = unique_descriptor();
}

transfer descriptor_core::transport_read(char* target, std::size_t size) {
  if (ending_.what != transfer::status::would_block) return ending_;
  if (written_only_) return {};
  if (!readable_ || turn_is_over()) return {};
  const transfer got = read_now(target, size);
  if (got.what == transfer::status::end || got.what == transfer::status::failed) ending_ = got;
  // A socket that gives less than it could has given all: what comes after that is news. A terminal
  // may have more.
  if (got.what == transfer::status::would_block ||
      (kind_ == descriptor_kind::socket && got.bytes < size && !ended_))
    readable_ = false;
  return got;
}

transfer descriptor_core::read_now(char* target, std::size_t size) noexcept {
  for (;;) {
    const ssize_t got = kind_ == descriptor_kind::socket
                            ? ::recv(descriptor_.get(), target, size, 0)
                            : ::read(descriptor_.get(), target, size);
    if (got > 0) return {transfer::status::done, static_cast<std::size_t>(got), {}};
    if (got == 0) return {transfer::status::end, 0, {}};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    return {transfer::status::failed, 0, last_error()};
  }
}

template <class Call>
transfer descriptor_core::write_now(Call call) {
  if (turn_is_over()) return {};
  for (;;) {
    const ssize_t put = call();
    if (put >= 0) return {transfer::status::done, static_cast<std::size_t>(put), {}};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    return {transfer::status::failed, 0, last_error()};
  }
}

// A write to a socket or pipe whose peer is gone must be an error, not a signal.
transfer descriptor_core::transport_write(const char* bytes, std::size_t size) {
  return write_now([&] {
    return kind_ == descriptor_kind::socket ? ::send(descriptor_.get(), bytes, size, MSG_NOSIGNAL)
           : kind_ == descriptor_kind::pipe ? write_without_signal(descriptor_.get(), bytes, size)
                                            : ::write(descriptor_.get(), bytes, size);
  });
}

transfer descriptor_core::transport_write_pieces(std::span<const std::string_view> pieces,
                                                 std::size_t skip) {
  std::array<iovec, 64> parts;
  std::size_t count = 0;
  for (const auto each : pieces) {
    if (count == parts.size()) break;
    const auto piece = each.substr(std::exchange(skip, 0));
    if (!piece.empty()) parts[count++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  return write_now([&] {
    if (kind_ == descriptor_kind::socket) {
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = count;
      return ::sendmsg(descriptor_.get(), &message, MSG_NOSIGNAL);
    }
    if (kind_ == descriptor_kind::pipe)
      return write_without_signal(descriptor_.get(), {parts.data(), count});
    return ::writev(descriptor_.get(), parts.data(), static_cast<int>(count));
  });
}

transfer descriptor_core::transport_send_file(int descriptor, std::uint64_t offset,
                                              std::size_t count) {
  if (kind_ != descriptor_kind::socket)
    return stream_core::transport_send_file(descriptor, offset, count);
  return write_now(
      [&] { return send_file_without_signal(descriptor_.get(), descriptor, offset, count); });
}

void descriptor_core::watch_readable() {
  if (readable_ && !written_only_) next_turn(&descriptor_core::on_readable);
}

void descriptor_core::watch_writable() {
  if (calls_ > calls_a_turn) next_turn(&descriptor_core::on_writable);
}

void descriptor_core::next_turn(void (descriptor_core::*then)()) {
  post_home([weak = weak_from_this(), this, then] {
    if (const auto keep = weak.lock()) {
      calls_ = 0;
      (this->*then)();
    }
  });
}

void descriptor_core::transport_end_of_writing() {
  if (kind_ == descriptor_kind::socket) {
    ::shutdown(descriptor_.get(), SHUT_WR);
  } else if (kind_ == descriptor_kind::pseudo_terminal) {
    static constexpr char end_of_transmission = 4;
    (void)!::write(descriptor_.get(), &end_of_transmission, 1);
  } else if (kind_ == descriptor_kind::pipe) {
    transport_close();
  }
}

void descriptor_core::transport_close() {
  readiness_set::remove(*this);
  descriptor_ = unique_descriptor();
}

}  // namespace buskin::io::detail
