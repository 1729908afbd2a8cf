#include "blocking_call.hpp"

#include <buskin/runtime/detail/scheduler.hpp>

#include <exception>

namespace buskin::io::detail {

namespace {

/// Runs also when it is refused.
class aside final : public job_state {
 public:
  explicit aside(std::function<void()> work)
      : job_state(std::source_location::current()), work_(std::move(work)) {}

 private:
  void call() override {
    if (const auto work = std::exchange(work_, nullptr)) work();
  }
  void failed(std::exception_ptr reason) noexcept override {
    if (!refused_) report_job_failure(origin_, reason, where());
  }
  void discard() noexcept override {
    refused_ = true;
    try {
      call();
    } catch (...) {
      report_job_failure(origin_, std::current_exception(), where());
    }
  }

  std::function<void()> work_;
  const void* const origin_ = job_origin();
  bool refused_ = false;
};

}  // namespace

void run_aside(std::function<void()> work) noexcept {
  auto* state = new aside(std::move(work));
  job going(*state);
  state->release();
  if (here.worker == nullptr) {
    going();
    return;
  }
  try {
    give_to_default_pool(going);
  } catch (const std::exception&) {
    going.dismiss();  // which runs it
  }
}

}  // namespace buskin::io::detail
