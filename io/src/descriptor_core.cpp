#include <buskin/io/detail/descriptor_core.hpp>

#include <buskin/runtime/detail/scheduler.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

namespace buskin::io::detail {

// The signal is the thread's own, so it can be taken back before anybody sees it.
ssize_t write_without_signal(int descriptor, const char* bytes, std::size_t size) noexcept {
  sigset_t only;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&only);
  sigaddset(&only, SIGPIPE);
  sigpending(&pending);
  const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &only, &before);
  const ssize_t put = ::write(descriptor, bytes, size);
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

transfer descriptor_core::transport_write(const char* bytes, std::size_t size) {
  if (turn_is_over()) return {};
  for (;;) {
    // A write to a socket or pipe whose peer is gone must be an error, not a signal.
    const ssize_t put =
        kind_ == descriptor_kind::socket ? ::send(descriptor_.get(), bytes, size, MSG_NOSIGNAL)
        : kind_ == descriptor_kind::pipe ? write_without_signal(descriptor_.get(), bytes, size)
                                         : ::write(descriptor_.get(), bytes, size);
    if (put >= 0) return {transfer::status::done, static_cast<std::size_t>(put), {}};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    return {transfer::status::failed, 0, last_error()};
  }
}

// The set tells of news. What is no news needs another turn.
void descriptor_core::watch_readable() {
  if (readable_ && !written_only_) next_turn(&descriptor_core::on_readable);
}

void descriptor_core::watch_writable() {
  if (calls_ > calls_a_turn) next_turn(&descriptor_core::on_writable);
}

void descriptor_core::next_turn(void (descriptor_core::*then)()) {
  post_function(home(), [weak = weak_from_this(), this, then] {
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
