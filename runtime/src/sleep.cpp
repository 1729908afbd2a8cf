#include <buskin/runtime/sleep.hpp>

#include <buskin/runtime/detail/scheduler.hpp>

namespace buskin::detail {

time_point now_here(const char* operation) {
  if (here.worker == nullptr)
    throw invalid_state(std::string(operation) +
                        " was called outside of a running buskin::runtime");
  return here.worker->look();
}

timer_wait::timer_wait(time_point due, wait_kind kind, const std::source_location& where) noexcept
    : wait(kind, where), timer(&on_fire) {
  record_.until = due;
}

void timer_wait::begin(const char* operation) {
  host_ = &stack_here(operation).host();
  if (record_.until != wait_record::no_deadline) here.worker->timers().arm(*this, record_.until);
}

bool timer_wait::withdraw() noexcept {
  disarm();
  return !fired_.load(std::memory_order_acquire);
}

void timer_wait::on_fire(timer& t) noexcept {
  auto& self = static_cast<timer_wait&>(t);
  stack_host* host = self.host_;
  self.fired_.store(true, std::memory_order_release);
  // Under the timers' lock: the host cannot end before its wait has been disarmed, which takes that
  // lock.
  host->signal();
}

bool sleep_awaiter::await_ready() {
  begin("sleep");
  return false;
}

void sleep_awaiter::await_resume() {
  if (auto reason = interruption()) std::rethrow_exception(reason);
}

bool yield_awaiter::await_ready() {
  auto& host = stack_here("yield").host();
  host.again();
  return false;
}

void yield_awaiter::await_resume() {
  if (auto reason = interruption()) std::rethrow_exception(reason);
}

}  // namespace buskin::detail
