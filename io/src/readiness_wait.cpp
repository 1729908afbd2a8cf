#include <buskin/io/detail/readiness_wait.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <asio/posix/stream_descriptor.hpp>

namespace buskin::io::detail {

struct readiness_wait::watch {
  watch(worker& home, int number) : descriptor(home.io(), number) {}
  ~watch() {
    // Only borrowed: out of the loop, but not closed.
    if (descriptor.is_open()) descriptor.release();
  }
  asio::posix::stream_descriptor descriptor;
  stack_host* host = nullptr;
  bool done = false;
};

readiness_wait::readiness_wait(int descriptor, direction what, wait_kind kind,
                               const std::source_location& where)
    : wait(kind, where), descriptor_(descriptor), direction_(what) {}

readiness_wait::~readiness_wait() { withdraw(); }

bool readiness_wait::await_ready() {
  auto& host = stack_here("a socket operation").host();
  if (here.worker->owner().threaded() && !host.move_to(*here.worker))
    throw invalid_state(
        "a CAF actor cannot wait for a descriptor when there are several workers; use a task");
  watch_ = std::make_shared<watch>(*here.worker, descriptor_);
  watch_->host = &host;
  watch_->descriptor.async_wait(direction_ == direction::read
                                    ? asio::posix::descriptor_base::wait_read
                                    : asio::posix::descriptor_base::wait_write,
                                [watch = watch_](const asio::error_code& failure) {
                                  if (failure || watch->host == nullptr) return;
                                  watch->done = true;
                                  watch->host->signal_here();
                                });
  return false;
}

bool readiness_wait::ready() noexcept { return watch_->done; }

bool readiness_wait::withdraw() noexcept {
  if (!watch_) return true;
  if (watch_->done) return false;
  watch_->host = nullptr;
  if (watch_->descriptor.is_open()) watch_->descriptor.release();
  return true;
}

void readiness_wait::await_resume() {
  auto reason = interruption();
  if (watch_->descriptor.is_open()) watch_->descriptor.release();
  if (reason) std::rethrow_exception(reason);
}

}  // namespace buskin::io::detail
