#include <buskin/runtime/detail/host_waker.hpp>

#include <buskin/runtime/detail/thread_name.hpp>
#include <buskin/runtime/errors.hpp>

#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

namespace buskin::detail {

host_waker::host_waker(int descriptor) : descriptor_(descriptor) {
  if (::pipe(pipe_) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  for (const int end : pipe_) {
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
    ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
}

host_waker::~host_waker() {
  end();
  for (const int end : pipe_) ::close(end);
}

void host_waker::set(std::function<void()> hook) {
  std::lock_guard guard(hook_mutex_);
  hook_ = std::move(hook);
}

void host_waker::ring() noexcept {
  if (!resting_.load(std::memory_order_seq_cst) ||
      !resting_.exchange(false, std::memory_order_seq_cst))
    return;
  std::lock_guard guard(hook_mutex_);
  if (!hook_) return;
  try {
    hook_();
  } catch (...) {
    spdlog::error("a wake-up hook threw: {}", describe(std::current_exception()));
  }
}

void host_waker::nudge() noexcept {
  // A full pipe has been nudged enough.
  (void)!::write(pipe_[1], "", 1);
}

void host_waker::watch(std::optional<time_point> due) {
  std::lock_guard guard(mutex_);
  if (ending_) return;
  if (!watcher_.joinable()) {
    {
      std::lock_guard hook(hook_mutex_);
      if (!hook_) return;
    }
    watcher_ = std::thread([this] { watch_for_ever(); });
  } else if (armed_ && due_ == due) {
    return;
  }
  armed_ = true;
  due_ = due;
  nudge();
}

void host_waker::end() {
  {
    std::lock_guard guard(mutex_);
    ending_ = true;
    nudge();
  }
  if (watcher_.joinable()) watcher_.join();
}

void host_waker::watch_for_ever() {
  name_this_thread("buskin-host");
  for (;;) {
    bool armed = false;
    int wait = -1;  // milliseconds; -1 for ever
    {
      std::lock_guard guard(mutex_);
      if (ending_) return;
      armed = armed_;
      if (armed_ && due_) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(*due_ - std::chrono::steady_clock::now());
        wait = static_cast<int>(
            std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
      }
    }
    pollfd watched[2] = {{pipe_[0], POLLIN, 0}, {armed ? descriptor_ : -1, POLLIN, 0}};
    const int ready = ::poll(watched, 2, wait);
    if (ready < 0) continue;  // interrupted
    if (watched[0].revents != 0) {
      char bytes[64];
      while (::read(pipe_[0], bytes, sizeof bytes) > 0) {
      }
      continue;
    }
    {
      // Until the host has been here, the same would be seen again and again.
      std::lock_guard guard(mutex_);
      armed_ = false;
    }
    ring();
  }
}

}  // namespace buskin::detail
