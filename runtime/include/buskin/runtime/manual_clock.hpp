// Time that stands still until it is moved: by our own tests and by users' tests.
#pragma once

#include <buskin/runtime/clock.hpp>

#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace buskin {

/// A clock that stands still until it is moved. Safe to move from any thread.
class manual_clock final : public clock {
 public:
  /// How time moves.
  enum class mode {
    by_hand,  ///< only through `advance`
    jump      ///< also by itself, to the next deadline, whenever nothing else can happen
  };

  explicit manual_clock(mode how = mode::by_hand) : mode_(how) {}

  /// Moves the time on by `step` (never back). Timers that are due fire in the runtime's next turn,
  /// in order.
  void advance(duration step);

  /// Time since the clock was made.
  duration elapsed() const noexcept;

  time_point now() const noexcept override;
  bool runs() const noexcept override { return false; }
  bool skip_to(time_point due) noexcept override;
  std::size_t watch(std::function<void()> wake) override;
  void unwatch(std::size_t ticket) override;

 private:
  static constexpr time_point epoch_{std::chrono::hours(1)};

  mutable std::mutex mutex_;
  time_point now_ = epoch_;                                              // guarded by mutex_
  std::vector<std::pair<std::size_t, std::function<void()>>> watchers_;  // guarded by mutex_
  std::size_t next_ticket_ = 0;                                          // guarded by mutex_
  const mode mode_;
};

}  // namespace buskin
