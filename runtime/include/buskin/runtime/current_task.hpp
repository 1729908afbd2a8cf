// The task that runs here.
#pragma once

#include <buskin/runtime/detail/coro_stack.hpp>

#include <cstdint>
#include <optional>
#include <source_location>
#include <string>

namespace buskin {

/// The task that runs here, as it sees itself. To be used by that task, and not kept beyond its
/// end.
///
/// Elsewhere every member throws invalid_state (and reports BK006 in debug mode).
class this_task {
 public:
  explicit this_task(detail::coro_stack& stack) noexcept : stack_(&stack) {}

  /// The name it was spawned with, else "task-N"; of a coroutine handler, its actor's.
  std::string name() const;
  /// The actor's id.
  std::uint64_t id() const;
  /// Where it was spawned; none for a coroutine handler.
  std::optional<std::source_location> created() const;

  /// Cancellations that were requested and not taken back (asyncio's `cancelling`). Those requested
  /// by others in this turn count from the next turn on.
  std::uint32_t cancelling() const;
  /// Takes one request back and returns how many remain. When none does, one that has not surfaced
  /// yet does not surface.
  std::uint32_t uncancel() const;
  /// Requests its own cancellation: it surfaces at the next suspension.
  void cancel(std::string reason = {}) const;

 private:
  detail::coro_stack& own(const char* operation) const;
  detail::coro_stack* stack_;
};

/// The task that runs here. Throws invalid_state outside of a task.
this_task current_task();

}  // namespace buskin
