// Where the runtime's time comes from. The real one is the monotonic clock; `manual_clock` is moved by hand, by our own
// tests and by users' tests.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <vector>

namespace buskin {

using duration = std::chrono::steady_clock::duration;
using time_point = std::chrono::steady_clock::time_point;

/// `from + length`, or the end of time where that lies beyond it.
constexpr time_point after(time_point from, duration length) noexcept {
  return length > duration::zero() && from > time_point::max() - length ? time_point::max() : from + length;
}

/// A source of monotonic time.
class clock {
 public:
  virtual ~clock() = default;

  /// The present. Callable from any thread.
  virtual time_point now() const noexcept;

  /// Whether time passes by itself. A runtime arms an operating system timer only for such a clock.
  virtual bool runs() const noexcept { return true; }

  /// Called by a worker that has nothing to do before `due`. A clock moved by hand may jump there and say true.
  virtual bool skip_to(time_point due) noexcept;

  /// `wake` is called (from any thread) whenever the time was moved by hand. Returns a ticket for `unwatch`.
  virtual std::size_t watch(std::function<void()> wake);
  virtual void unwatch(std::size_t ticket);
};

/// A clock that stands still until it is moved. Safe to move from any thread.
class manual_clock final : public clock {
 public:
  /// How time moves.
  enum class mode {
    by_hand,  ///< only through `advance` and `advance_to`
    jump      ///< also by itself, to the next deadline, whenever nothing else can happen
  };

  explicit manual_clock(mode how = mode::by_hand) : mode_(how) {}

  /// Moves the time on by `step` (never back). Timers that are due fire in the runtime's next turn, in order.
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
  time_point now_ = epoch_;                                                 // guarded by mutex_
  std::vector<std::pair<std::size_t, std::function<void()>>> watchers_;  // guarded by mutex_
  std::size_t next_ticket_ = 0;                                             // guarded by mutex_
  const mode mode_;
};

}  // namespace buskin
