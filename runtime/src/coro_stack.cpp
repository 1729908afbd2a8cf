#include <buskin/runtime/detail/coro_stack.hpp>

#include <buskin/runtime/detail/context_state.hpp>
#include <buskin/runtime/detail/watchdog.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace buskin::detail {

constinit thread_local running here;

coro_stack& wait::stack_here(const char* operation) {
  if (here.stack == nullptr)
    throw invalid_state(
        std::string(operation) +
        " was awaited outside of a task; start one with buskin::run or buskin::spawn");
  return *here.stack;
}

bool wait::suspend(std::coroutine_handle<> handle) {
  coro_stack& stack = stack_here("something");
  stack_ = &stack;
  record_.since = coarse_now();
  if (stack.cancel_pending() && withdraw()) return false;
  handle_ = handle;
  stack.wait_ = this;
  return true;
}

std::exception_ptr wait::interruption() noexcept {
  return stack_ == nullptr ? nullptr : std::exchange(stack_->pending_cancel_, nullptr);
}

void coro_stack::advance() {
  if (debugging()) [[unlikely]] {
    const advance_watch watch(*this);
    go_on();
  } else {
    go_on();
  }
}

void coro_stack::go_on() {
  const auto outer = std::exchange(here.stack, this);
  if (scopes_ != nullptr) ask_scopes();
  if (wait_ != nullptr && wait_->ready()) next_ = std::exchange(wait_, nullptr)->handle_;
  while (next_) std::exchange(next_, nullptr).resume();
  here.stack = outer;
}

void coro_stack::ask_scopes() {
  for (cancel_scope* scope = scopes_; scope != nullptr; scope = scope->outer_)
    if (auto reason = scope->take_request()) cancel(std::move(reason));
}

void coro_stack::cancel(std::exception_ptr reason) {
  if (done()) return;
  ++cancelling_;
  if (pending_cancel_ != nullptr) {  // the first one's reason counts
    if (wait_ != nullptr) wait_->insist();
    return;
  }
  pending_cancel_ = std::move(reason);
  if (wait_ != nullptr && wait_->withdraw()) next_ = std::exchange(wait_, nullptr)->handle_;
}

std::uint32_t coro_stack::uncancel() noexcept {
  if (cancelling_ != 0) --cancelling_;
  // As in asyncio 3.13: a request that was taken back before it surfaced does not surface.
  if (cancelling_ == 0) pending_cancel_ = nullptr;
  return cancelling_;
}

void coro_stack::leave(cancel_scope& scope) noexcept {
  for (cancel_scope** at = &scopes_; *at != nullptr; at = &(*at)->outer_)
    if (*at == &scope) {
      *at = scope.outer_;
      return;
    }
}

time_point coro_stack::deadline() const noexcept {
  if (cancel_pending()) return time_point::min();
  time_point earliest = time_point::max();
  for (const cancel_scope* scope = scopes_; scope != nullptr; scope = scope->outer_)
    earliest = std::min(earliest, scope->deadline());
  return earliest;
}

void coro_stack::drop_context() noexcept { std::exchange(context_, nullptr)->release(); }

void coro_stack::destroy() noexcept {
  if (!root_) return;
  const auto outer = std::exchange(here.stack, nullptr);
  wait_ = nullptr;
  next_ = nullptr;
  std::exchange(root_, nullptr).destroy();
  here.stack = outer;
}

}  // namespace buskin::detail
