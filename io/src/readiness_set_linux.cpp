// Linux: an epoll of edges, nested in that of Asio.
#include <buskin/io/detail/readiness_set.hpp>

#include <buskin/io/detail/recycled_handler.hpp>

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace buskin::io::detail {

namespace {

int new_epoll() {
  const int made = ::epoll_create1(EPOLL_CLOEXEC);
  if (made < 0) throw std::system_error(errno, std::system_category(), "cannot make an epoll");
  return made;
}

}  // namespace

asio::io_context::id readiness_set::id;

readiness_member::~readiness_member() { readiness_set::remove(*this); }

readiness_set::readiness_set(asio::io_context& io) : service(io), descriptor_(io, new_epoll()) {
  watch();
}

readiness_set::~readiness_set() = default;

void readiness_set::shutdown() {
  while (members_ != nullptr) {
    readiness_member& member = *members_;
    drop(member);
    member.on_loop_end();
  }
  asio::error_code ignored;
  descriptor_.close(ignored);
}

void readiness_set::add(readiness_member& member, int descriptor) {
  epoll_event wish{};
  wish.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  wish.data.ptr = &member;
  if (::epoll_ctl(descriptor_.native_handle(), EPOLL_CTL_ADD, descriptor, &wish) != 0)
    throw std::system_error(errno, std::system_category(), "cannot watch a descriptor");
  member.set_ = this;
  member.descriptor_ = descriptor;
  member.after_ = members_;
  if (members_ != nullptr) members_->before_ = &member;
  members_ = &member;
}

void readiness_set::remove(readiness_member& member) noexcept {
  if (member.set_ == nullptr) return;
  readiness_set& set = *member.set_;
  // A child process between fork and exec may hold the file open: closing would not be enough.
  epoll_event ignored{};
  ::epoll_ctl(set.descriptor_.native_handle(), EPOLL_CTL_DEL, member.descriptor_, &ignored);
  set.drop(member);
}

void readiness_set::drop(readiness_member& member) noexcept {
  std::replace(found_, found_ + found_count_, &member, static_cast<readiness_member*>(nullptr));
  (member.before_ != nullptr ? member.before_->after_ : members_) = member.after_;
  if (member.after_ != nullptr) member.after_->before_ = member.before_;
  member.before_ = member.after_ = nullptr;
  member.set_ = nullptr;
}

void readiness_set::watch() {
  descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                         recycled_handler([this](const asio::error_code& failure) {
                           if (failure) return;
                           // Many at once: there will be more by now, and this way to ask is short.
                           std::size_t told = 0;
                           for (std::size_t more = many; more >= many && told < batch; told += more)
                             more = tell();
                           watch();
                         }));
}

std::size_t readiness_set::tell() {
  std::array<epoll_event, batch> events;
  const int count = ::epoll_wait(descriptor_.native_handle(), events.data(), batch, 0);
  if (count <= 0) return 0;
  found_count_ = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i != found_count_; ++i)
    found_[i] = static_cast<readiness_member*>(events[i].data.ptr);
  for (std::size_t i = 0; i != found_count_; ++i) {
    if (found_[i] == nullptr) continue;
    const auto what = events[i].events;
    const bool ended = (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    found_[i]->on_readiness(
        {ended || (what & EPOLLIN) != 0, ended || (what & EPOLLOUT) != 0, ended});
  }
  return std::exchange(found_count_, 0);
}

}  // namespace buskin::io::detail
