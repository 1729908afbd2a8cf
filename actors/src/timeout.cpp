#include <buskin/actors/timeout.hpp>

#include <buskin/runtime/detail/watchdog.hpp>
#include <buskin/runtime/detail/worker.hpp>

#include <cstdio>

namespace buskin {

timeout_scope::timeout_scope(time_point deadline) noexcept : timer(&on_fire), when_(deadline) {}

timeout_scope::~timeout_scope() { abandon(); }

void timeout_scope::abandon() noexcept {
  if (stack_ == nullptr) return;
  disarm();
  std::exchange(stack_, nullptr)->leave(*this);
  state_ = expired() ? state::expired : state::finished;
}

void timeout_scope::open(const std::source_location& where) {
  if (state_ != state::fresh)
    throw invalid_state("a timeout_scope can be run once; make another one for another deadline");
  if (detail::here.stack == nullptr) throw invalid_state("timeout can be used inside a task only");
  stack_ = detail::here.stack;
  where_ = where;
  state_ = state::active;
  cancelling_before_ = stack_->cancelling();
  stack_->enter(*this);
  set();
}

void timeout_scope::set() {
  if (when_ == no_deadline) return;
  if (when_ > detail::here.worker->look())
    detail::here.worker->timers().arm(*this, when_);
  else
    on_fire(*this);  // already behind us: the next suspension is interrupted, whatever it waits for
}

void timeout_scope::reschedule(time_point when) {
  switch (state_) {
    case state::fresh:
      when_ = when;
      return;
    case state::active:
      detail::check_own(stack_, "timeout_scope::reschedule");
      break;
    case state::expiring:
    case state::expired:
      throw invalid_state("the timeout_scope has expired; its deadline cannot be moved any more");
    case state::finished:
      throw invalid_state("the timeout_scope has ended; its deadline cannot be moved any more");
  }
  disarm();
  due_.store(false, std::memory_order_relaxed);
  when_ = when;
  set();
}

void timeout_scope::on_fire(detail::timer& t) noexcept {
  auto& self = static_cast<timeout_scope&>(t);
  auto& host = self.stack_->host();
  self.due_.store(true, std::memory_order_release);
  host.signal();
}

std::string timeout_scope::text() const {
  return "the deadline set at " + buskin::to_string(where_) + " passed";
}

std::exception_ptr timeout_scope::take_request() noexcept {
  if (state_ != state::active || !due_.load(std::memory_order_acquire)) return nullptr;
  state_ = state::expiring;
  return std::make_exception_ptr(cancelled(text()));
}

void timeout_scope::close(std::exception_ptr error) {
  auto& stack = *stack_;
  abandon();
  if (state_ == state::expired) {
    // The cancellation was ours unless somebody else cancelled as well (asyncio's rule).
    const bool only_ours = stack.uncancel() <= cancelling_before_;
    if (error && only_ours) {
      try {
        std::rethrow_exception(error);
      } catch (const cancelled&) {
        throw timeout_error(text(), error);
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

const char* to_string(timeout_scope::state state) noexcept {
  switch (state) {
    case timeout_scope::state::fresh:
      return "fresh";
    case timeout_scope::state::active:
      return "active";
    case timeout_scope::state::expiring:
      return "expiring";
    case timeout_scope::state::expired:
      return "expired";
    case timeout_scope::state::finished:
      break;
  }
  return "finished";
}

std::string to_string(const timeout_scope& scope) {
  std::string text = to_string(scope.current());
  if (scope.current() != timeout_scope::state::active) return text;
  if (scope.when() == timeout_scope::no_deadline) return text + ", no deadline";
  const std::chrono::duration<double> left = scope.when() - detail::now_here("to_string");
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, ", %.3f s left", left.count() > 0 ? left.count() : 0);
  return text + seconds;
}

time_point current_deadline() {
  if (detail::here.stack == nullptr)
    throw invalid_state("current_deadline was asked for outside of a task");
  return detail::here.stack->deadline();
}

}  // namespace buskin
