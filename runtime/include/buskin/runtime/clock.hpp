// Where the runtime's time comes from: the monotonic clock, or one that is moved by hand
// (manual_clock).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

namespace buskin {

using duration = std::chrono::steady_clock::duration;
using time_point = std::chrono::steady_clock::time_point;

/// `from + length`, or the end of time where that lies beyond it.
constexpr time_point after(time_point from, duration length) noexcept {
  return length > duration::zero() && from > time_point::max() - length ? time_point::max()
                                                                        : from + length;
}

/// A source of monotonic time.
class clock {
 public:
  virtual ~clock() = default;

  /// The present. Callable from any thread.
  virtual time_point now() const noexcept;

  /// Whether time passes by itself. A runtime arms an operating system timer only for such a clock.
  virtual bool runs() const noexcept { return true; }

  /// Called by a worker that has nothing to do before `due`. A clock moved by hand may jump there
  /// and say true.
  virtual bool skip_to(time_point due) noexcept;

  /// `wake` is called (from any thread) whenever the time was moved by hand. Returns a ticket for
  /// `unwatch`.
  virtual std::size_t watch(std::function<void()> wake);
  virtual void unwatch(std::size_t ticket);
};

}  // namespace buskin
