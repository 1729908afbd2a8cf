#include <buskin/actors/monitor.hpp>

#include <buskin/runtime/errors.hpp>

namespace buskin {

namespace {

lean_actor& self_for(const char* operation) {
  if (detail::here.actor == nullptr)
    throw invalid_state(std::string(operation) + " is called inside a task or an actor only");
  return *detail::here.actor;
}

}  // namespace

monitor_handle& monitor_handle::operator=(monitor_handle&& other) noexcept {
  if (this != &other) {
    cancel();
    whom_ = std::move(other.whom_);
    ended_ = std::move(other.ended_);
  }
  return *this;
}

monitor_handle monitor(const caf::strong_actor_ptr& whom) {
  if (!whom) throw invalid_state("monitor was given an actor handle that refers to nobody");
  detail::stack_host* host = detail::here.stack != nullptr ? &detail::here.stack->host() : nullptr;
  monitor_handle handle;
  handle.whom_ = whom;
  handle.ended_ =
      detail::cell_ref<detail::exit_watch::outcome>::adopt(new detail::exit_watch::outcome(host));
  detail::exit_watch::attach(*whom->get(), handle.ended_);
  return handle;
}

bool monitor_handle::cancel() noexcept {
  if (!ended_) return false;
  const bool prevented = ended_->abandon();
  if (prevented) detail::exit_watch::detach(*whom_->get(), *ended_);
  ended_ = {};
  whom_ = nullptr;
  return prevented;
}

detail::down_awaiter monitor_handle::down(std::source_location where) const {
  if (!ended_) throw invalid_state("this monitor watches nobody");
  return {ended_, whom_->id(), where};
}

bool detail::down_awaiter::await_ready() {
  stack_here("monitor");
  return ended_->resolved();
}

caf::error detail::down_awaiter::await_resume() {
  if (auto reason = interruption()) std::rethrow_exception(reason);
  return *ended_->value();
}

void link(const caf::strong_actor_ptr& whom) {
  auto& self = self_for("link");
  if (whom && whom->get() != &self) self.add_link(whom->get());
}

void unlink(const caf::strong_actor_ptr& whom) {
  auto& self = self_for("unlink");
  if (whom && whom->get() != &self) self.remove_link(whom->get());
}

}  // namespace buskin
