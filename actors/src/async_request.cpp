#include <buskin/actors/detail/async_request.hpp>

#include <buskin/runtime/detail/scheduler.hpp>

namespace buskin::detail {

runtime& runtime_of(const caf::strong_actor_ptr& whom) {
  if (!whom) throw invalid_state("async_ask was given an actor handle that refers to nobody");
  auto* ours = dynamic_cast<scheduler*>(&whom->get()->home_system().scheduler());
  if (ours == nullptr)
    throw invalid_state("async_ask was given an actor that lives in no buskin::runtime");
  return ours->owner();
}

std::exception_ptr aborted() {
  return std::make_exception_ptr(
      std::system_error(asio::error::make_error_code(asio::error::operation_aborted)));
}

std::exception_ptr forsaken() {
  return std::make_exception_ptr(
      broken_promise("the runtime of the actor that was asked ended before there was an answer"));
}

bool being_cancelled() noexcept { return here.stack != nullptr && here.stack->cancelling() != 0; }

// -- request_control --------------------------------------------------------------------------

void request_control::started(lean_ref<task_actor_base> asking) {
  {
    std::lock_guard guard(mutex_);
    asking_ = std::move(asking);
    if (!called_off_) return;
  }
  call_off();
}

void request_control::call_off() {
  lean_ref<task_actor_base> asking;
  {
    std::lock_guard guard(mutex_);
    called_off_ = true;
    asking = asking_;
  }
  if (asking)
    asking->cancel(std::make_exception_ptr(cancelled("called off by its cancellation slot")));
}

bool request_control::called_off() const {
  std::lock_guard guard(mutex_);
  return called_off_;
}

}  // namespace buskin::detail
