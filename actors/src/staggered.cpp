#include <buskin/actors/staggered.hpp>

#include <buskin/runtime/sleep.hpp>

namespace buskin::detail {

namespace {

/// Until the last candidate has ended, somebody has won, or the time is up.
class stagger_wait final : public timer_wait {
 public:
  stagger_wait(owned_children& children, const task_actor_base& last, time_point due,
               const std::source_location& where) noexcept
      : timer_wait(due, wait_kind::group, where), children_(children), last_(last) {}

  bool ready() noexcept override { return decided() || timer_wait::ready(); }
  bool withdraw() noexcept override {
    timer_wait::withdraw();
    return true;
  }

  bool await_ready() {
    if (decided()) return true;
    begin("staggered");
    return false;
  }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume() {
    timer_wait::withdraw();
    if (auto reason = interruption()) std::rethrow_exception(reason);
  }

 private:
  // Success makes a winner, but a moment after the end is to be seen: it is that which counts.
  bool decided() const noexcept {
    return children_.winner() != nullptr || (last_.done() && last_.state() != task_state::finished);
  }

  owned_children& children_;
  const task_actor_base& last_;
};

}  // namespace

task<bool> next_is_due(owned_children& children, any_task last, duration delay) {
  const auto due = delay == infinite ? time_point::max() : after(now_here("staggered"), delay);
  co_await stagger_wait(children, *last.base(), due, std::source_location::current());
  co_return children.winner() == nullptr;
}

}  // namespace buskin::detail
