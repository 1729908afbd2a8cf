// A request to a supervisor: it was sent, and its result can be awaited.
#pragma once

#include <buskin/actors/detail/cell.hpp>
#include <buskin/runtime/errors.hpp>

#include <cstdint>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

namespace buskin::detail {

template <class R>
class [[nodiscard("nothing happens until it is awaited")]] supervisor_call final : public wait {
 public:
  using stored = std::conditional_t<std::is_void_v<R>, unit, R>;
  using answer = cell<stored>;

  supervisor_call(cell_ref<answer> result, stack_host * caller, std::uint64_t whom,
                  const std::source_location& where) noexcept
      : wait(wait_kind::reply, where, whom), result_(std::move(result)), caller_(caller) {}

  bool ready() noexcept override { return result_->resolved(); }
  bool withdraw() noexcept override { return result_->abandon(); }
  bool await_ready() {
    if (result_->resolved()) return true;
    if (&stack_here("a request to a supervisor").host() != caller_)
      throw invalid_state("a request to a supervisor is awaited by the task that made it");
    return false;
  }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  R await_resume() {
    if (auto reason = interruption()) std::rethrow_exception(reason);
    if (result_->error()) std::rethrow_exception(result_->error());
    if constexpr (!std::is_void_v<R>) return std::move(*result_->value());
  }

 private:
  cell_ref<answer> result_;
  stack_host* caller_;  // compared only
};

}  // namespace buskin::detail
