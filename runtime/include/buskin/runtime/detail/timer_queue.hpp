// The timers of one worker: an intrusive heap ordered by due time and, among equals, by the order
// of arming.
//
// A timer is a member of whatever waits (usually an awaiter in a coroutine's frame): arming and
// disarming allocate nothing. What always holds: when disarm() has returned, the timer's fire
// function is not running and will not run. Knows nothing of actors.
#pragma once

#include <buskin/runtime/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace buskin::detail {

class timer_queue;

/// One deadline. Must not be moved or destroyed while armed.
class timer {
 public:
  /// Runs in the worker's thread under the queue's lock: it may flag and wake, and must neither
  /// block nor throw.
  using fire_function = void (*)(timer&) noexcept;

  explicit timer(fire_function fire) noexcept : fire_(fire) {}
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;
  ~timer() { disarm(); }

  /// Takes the timer out of its queue. True when it had not fired.
  bool disarm() noexcept;

  bool armed() const noexcept { return index_ != unarmed; }
  time_point due() const noexcept { return due_; }

 private:
  friend class timer_queue;
  static constexpr std::size_t unarmed = static_cast<std::size_t>(-1);

  time_point due_{};
  std::uint64_t sequence_ = 0;
  std::size_t index_ = unarmed;   // written under the queue's lock
  timer_queue* queue_ = nullptr;  // the queue of the last arming: its lock is what disarm() has to
                                  // take, also while we fire
  fire_function fire_;
};

class timer_queue {
 public:
  enum class access { single_thread, any_thread };

  explicit timer_queue(access who) : shared_(who == access::any_thread) {}
  ~timer_queue();

  void arm(timer& t, time_point due);
  bool disarm(timer& t) noexcept;

  /// Fires all that are due at `now`, including those armed meanwhile for the past, at most
  /// `limit`. Returns how many.
  std::size_t fire_due(time_point now, std::size_t limit = 4096);

  /// When the next one is due.
  std::optional<time_point> next_due() const;
  std::size_t size() const;

 private:
  // The lock is taken only where more than one worker exists. Recursive: a fire function may arm
  // another timer.
  std::unique_lock<std::recursive_mutex> lock() const {
    return shared_ ? std::unique_lock(mutex_) : std::unique_lock<std::recursive_mutex>();
  }
  static bool before(const timer& a, const timer& b) noexcept {
    return a.due_ != b.due_ ? a.due_ < b.due_ : a.sequence_ < b.sequence_;
  }
  void place(timer& t, std::size_t index) noexcept;
  void sift_up(std::size_t index) noexcept;
  void sift_down(std::size_t index) noexcept;
  void remove(timer& t) noexcept;

  mutable std::recursive_mutex mutex_;
  std::vector<timer*> heap_;  // guarded by mutex_ (four children a node)
  std::uint64_t sequence_ = 0;
  const bool shared_;
};

}  // namespace buskin::detail
