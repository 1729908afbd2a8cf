#include <buskin/runtime/manual_clock.hpp>

#include <algorithm>

namespace buskin {

void manual_clock::advance(duration step) {
  std::lock_guard guard(mutex_);
  if (step > duration::zero()) now_ += step;
  for (auto& [ticket, wake] : watchers_) wake();
}

duration manual_clock::elapsed() const noexcept { return now() - epoch_; }

time_point manual_clock::now() const noexcept {
  std::lock_guard guard(mutex_);
  return now_;
}

bool manual_clock::skip_to(time_point due) noexcept {
  if (mode_ != mode::jump) return false;
  std::lock_guard guard(mutex_);
  now_ = std::max(now_, due);
  return true;
}

std::size_t manual_clock::watch(std::function<void()> wake) {
  std::lock_guard guard(mutex_);
  watchers_.emplace_back(++next_ticket_, std::move(wake));
  return next_ticket_;
}

void manual_clock::unwatch(std::size_t ticket) {
  std::lock_guard guard(mutex_);
  std::erase_if(watchers_, [ticket](const auto& watcher) { return watcher.first == ticket; });
}

}  // namespace buskin
