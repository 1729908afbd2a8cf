// Something that is done again and again.
#pragma once

#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/detail/task_actor.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>

namespace buskin {

/// Options of `runtime::every`.
struct periodic_options {
  std::string name = "periodic";  ///< of the task that ticks, for reports
  std::optional<duration> first;  ///< until the first tick; a period, unless said otherwise
};

namespace detail {

/// What a periodic's handle and its task share.
struct periodic_state {
  std::atomic<std::uint64_t> ticks{0};
  std::atomic<std::uint64_t> skipped{0};
  std::atomic<bool> cancelled{false};
};

/// What a tick does: one of the two.
struct tick {
  std::function<void()> call;
  std::function<task<void>()> begin;
};

/// The body of a periodic: ticks at `first` and at every `period` from then on.
task<void> tick_for_ever(runtime& owner, std::shared_ptr<periodic_state> state, time_point first,
                         duration period, tick what, std::string name, std::source_location asked);

}  // namespace detail

/// What `runtime::every` began. Any thread; cheap to copy; dropping it does not stop the ticks, the
/// end of the runtime does.
class periodic {
 public:
  periodic() noexcept = default;
  periodic(lean_ref<detail::task_actor<void>> ticking,
           std::shared_ptr<detail::periodic_state> state);

  /// No tick begins from here on; a task that a tick has begun is cancelled. False when that was
  /// asked before, or the runtime has ended the ticks.
  bool cancel();
  /// Whether it has ended.
  bool done() const noexcept;
  /// How many ticks were begun.
  std::uint64_t ticks() const noexcept;
  /// How many were left out because their time had passed before the previous one had ended.
  std::uint64_t skipped() const noexcept;

 private:
  lean_ref<detail::task_actor<void>> ticking_;
  std::shared_ptr<detail::periodic_state> state_;
};

}  // namespace buskin
