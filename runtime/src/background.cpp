#include <buskin/runtime/background.hpp>

#include "runtime_impl.hpp"

#include <buskin/runtime/detail/thread_name.hpp>

#include <future>
#include <thread>

namespace buskin {

struct background::driver {
  explicit driver(runtime& r) : owner(r) {}

  void drive(std::promise<void> begun) {
    try {
      detail::name_this_thread(owner.options().name);
      runtime::driving scope(*owner.impl_);
      begun.set_value();
      begun = {};
      owner.impl_->drive_until_stopped();
    } catch (...) {
      try {
        begun.set_exception(std::current_exception());
      } catch (const std::future_error&) {
        failure = std::current_exception();  // it had begun: stop() tells
      }
    }
    running.store(false, std::memory_order_release);
  }

  void join() {
    if (!thread.joinable()) return;
    if (running.load(std::memory_order_acquire)) owner.stop();
    thread.join();
    // A stop that came when the thread had ended by itself is not left to the next run.
    owner.impl_->take_stop();
  }

  runtime& owner;
  std::atomic<bool> running{true};
  std::exception_ptr failure;  // written before the thread ends
  std::thread thread;
};

background::background(runtime& owner) : driver_(std::make_unique<driver>(owner)) {
  std::promise<void> begun;
  auto began = begun.get_future();
  driver_->thread = std::thread(
      [d = driver_.get(), promise = std::move(begun)]() mutable { d->drive(std::move(promise)); });
  try {
    began.get();
  } catch (...) {
    driver_->thread.join();
    throw;
  }
}

background::background(background&&) noexcept = default;

background& background::operator=(background&& other) noexcept {
  if (this != &other) {
    if (driver_) driver_->join();
    driver_ = std::move(other.driver_);
  }
  return *this;
}

background::~background() {
  if (driver_) driver_->join();
}

void background::stop() {
  if (!driver_) return;
  if (detail::here.worker != nullptr && &detail::here.worker->owner().owner() == &driver_->owner)
    detail::refuse_to_block("background::stop");
  driver_->join();
  if (auto failure = std::exchange(driver_->failure, nullptr)) std::rethrow_exception(failure);
}

bool background::running() const noexcept {
  return driver_ != nullptr && driver_->running.load(std::memory_order_acquire);
}

}  // namespace buskin
