// Waiting for some or all of a set of tasks, without owning them.
#pragma once

#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/sleep.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <vector>

namespace buskin {

/// What to wait for.
enum class when : std::uint8_t {
  first_completed,  ///< one has ended
  first_exception,  ///< one has ended with an exception other than `cancelled`, or all have ended
  all_completed     ///< all have ended
};

namespace detail {

/// Each task once. Cancellation: withdraws; the tasks go on.
class [[nodiscard("nothing happens until it is awaited")]] tasks_wait final : public timer_wait {
 public:
  using task_list = std::vector<lean_ref<task_actor_base>>;

  tasks_wait(const task_list& tasks, when until, time_point deadline,
             const std::source_location& where) noexcept;
  ~tasks_wait();

  bool ready() noexcept override { return satisfied() || timer_wait::ready(); }
  bool withdraw() noexcept override;
  void awaited(std::vector<std::uint64_t> & whom) const override;

  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  /// Whether what was waited for has come about; false when the time was up first.
  bool await_resume();

  /// The one that ended first, as far as the wait saw it; null for none.
  const task_actor_base* first() const noexcept;

 private:
  struct tally;
  class watch;
  bool satisfied() const noexcept;

  const task_list& tasks_;
  const when until_;
  std::shared_ptr<tally> tally_;
};

}  // namespace detail

}  // namespace buskin
