#include <buskin/actors/async_generator.hpp>

namespace buskin::detail {

bool generator_promise_base::check_idle() const {
  if (state_ == state::running)
    throw invalid_state(
        "the generator is running: somebody awaits its next value already; ask one at a time");
  return state_ != state::ended;
}

void generator_promise_base::go_on(std::coroutine_handle<> self, std::coroutine_handle<> asking) {
  if (here.stack == nullptr)
    throw invalid_state("a generator's next value can be awaited inside a task only");
  state_ = state::running;
  asking_ = asking;
  here.stack->continue_with(self);
}

void generator_promise_base::hand_back(state now) noexcept {
  state_ = now;
  here.stack->continue_with(asking_);
}

void generator_promise_base::rethrow() {
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void generator_promise_base::finish_closing() {
  if (!ended())
    throw invalid_state(
        "the generator yielded a value while it was being closed; a cleanup must "
        "let generator_closed out, or return");
  const auto error = std::exchange(error_, nullptr);
  if (!error) return;
  try {
    std::rethrow_exception(error);
  } catch (const generator_closed&) {
    // as it should be
  }
}

}  // namespace buskin::detail
