#include "accepting_actor.hpp"

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/lean_ref.hpp>
#include <buskin/runtime/runtime.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace buskin::io::detail {

namespace {

/// What became of one client before it was let in, and says nothing of the others.
bool is_of_the_client(int error) noexcept {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENOPROTOOPT ||
         error == ENETDOWN || error == ENETUNREACH || error == EHOSTDOWN || error == EHOSTUNREACH ||
         error == EOPNOTSUPP || error == ETIMEDOUT;
}

}  // namespace

accepting_actor::accepting_actor(caf::actor_config& config, std::vector<listening_socket> sockets,
                                 const std::string& name, const std::source_location& created)
    : lean_actor(config), created_(created) {
  for (auto& socket : sockets) {
    addresses_.push_back(io::address::local_of(socket.descriptor.get()));
    doors_.push_back(std::make_shared<door>(here.worker->io(), std::move(socket)));
  }
  title_ = name + " at " + addresses_.front().to_string();
}

void accepting_actor::start(int backlog) {
  for (auto& each : doors_) start_listening(each->descriptor.native_handle(), backlog);
}

void accepting_actor::close() noexcept {
  closed_.store(true, std::memory_order_release);
  for (auto& each : doors_) {
    each->file.remove();
    asio::error_code ignored;
    each->descriptor.close(ignored);
  }
  if (!quitting()) quit();
}

void accepting_actor::on_end() noexcept {
  pause_.clear();
  close();
}

void accepting_actor::on_signal() {
  if (pause_.take()) paused_ = false;
  on_clients();
}

void accepting_actor::watch(const std::shared_ptr<door>& at) {
  at->watched = true;
  at->descriptor.async_wait(
      asio::posix::descriptor_base::wait_read,
      [self = lean_ref<accepting_actor>(this), at](const asio::error_code& failure) {
        at->watched = false;
        if (failure) return;
        self->enter_or_post(
            [](lean_actor& actor) { static_cast<accepting_actor&>(actor).on_clients(); });
      });
}

unique_descriptor accepting_actor::next_client() {
  for (std::size_t i = 0; i != doors_.size() && !paused_; ++i) {
    const auto& at = doors_[next_door_++ % doors_.size()];
    if (auto client = next_client_at(at)) return client;
  }
  return unique_descriptor();
}

unique_descriptor accepting_actor::next_client_at(const std::shared_ptr<door>& at) {
  while (!at->watched && at->descriptor.is_open()) {
    unique_descriptor client(
        ::accept4(at->descriptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client) return client;
    if (is_of_the_client(errno)) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      watch(at);
      break;
    }
    complain(last_error());
    break;
  }
  return unique_descriptor();
}

void accepting_actor::complain(const std::error_code& error) {
  paused_ = true;
  pause_.set(retry);
  auto& scheduler = scheduler::of(home_system());
  const auto now = scheduler.time().now();
  const auto before = std::exchange(last_short_, now);
  if (before && now - *before < one_shortage) return;
  scheduler.owner().report(
      {"BK020",
       title() + " cannot accept clients: " + error.message() + "; it tries again every 100 ms",
       nullptr,
       {},
       created_});
}

}  // namespace buskin::io::detail
