#include <buskin/actors/timeout.hpp>

#include <buskin/runtime/detail/worker.hpp>

namespace buskin {

timeout_scope::timeout_scope(time_point deadline) noexcept : timer(&on_fire), deadline_(deadline) {}

timeout_scope::~timeout_scope() {
  if (stack_ != nullptr && !closed_) stack_->leave(*this);
}

void timeout_scope::open(const std::source_location& where) {
  if (detail::here.stack == nullptr) throw invalid_state("timeout can be used inside a task only");
  stack_ = detail::here.stack;
  where_ = where;
  cancelling_before_ = stack_->cancelling();
  stack_->enter(*this);
  set();
}

void timeout_scope::set() {
  if (deadline_ == no_deadline) return;
  if (deadline_ > detail::here.worker->look())
    detail::here.worker->timers().arm(*this, deadline_);
  else
    on_fire(*this);  // already behind us: the next suspension is interrupted, whatever it waits for
}

void timeout_scope::reschedule(time_point when) {
  if (closed_ || stack_ == nullptr)
    throw invalid_state("the timeout scope is not open; its deadline cannot be moved");
  if (expired_)
    throw invalid_state("the timeout scope has expired; its deadline cannot be moved any more");
  disarm();
  due_.store(false, std::memory_order_relaxed);
  deadline_ = when;
  set();
}

void timeout_scope::on_fire(detail::timer& t) noexcept {
  auto& self = static_cast<timeout_scope&>(t);
  auto& host = self.stack_->host();
  self.due_.store(true, std::memory_order_release);
  host.signal();
}

std::exception_ptr timeout_scope::take_request() noexcept {
  if (expired_ || !due_.load(std::memory_order_acquire)) return nullptr;
  expired_ = true;
  return std::make_exception_ptr(cancelled("the deadline set at " + to_string(where_) + " passed"));
}

void timeout_scope::close(std::exception_ptr error) {
  disarm();
  stack_->leave(*this);
  closed_ = true;
  if (expired_) {
    // The cancellation was ours unless somebody else cancelled as well (asyncio's rule).
    const bool only_ours = stack_->uncancel() <= cancelling_before_;
    if (error && only_ours) {
      try {
        std::rethrow_exception(error);
      } catch (const cancelled&) {
        throw timeout_error("the deadline set at " + to_string(where_) + " passed");
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace buskin
