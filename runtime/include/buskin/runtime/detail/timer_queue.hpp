// The timers of one worker: a heap ordered by due time and, among equals, by the order of arming.
//
// A timer is a member of whatever waits (usually an awaiter in a coroutine's frame): where as many
// were armed before, arming allocates nothing. What always holds: when disarm() has returned, the
// timer's fire function is not running and will not run. Knows nothing of actors.
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

  bool armed() const noexcept { return slot_ != unarmed; }

 private:
  friend class timer_queue;
  static constexpr std::uint32_t unarmed = static_cast<std::uint32_t>(-1);

  std::uint32_t slot_ = unarmed;  // written under the queue's lock
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

  /// Fires all that are due at `now`, at most `limit`; those that are armed meanwhile for the past
  /// as well, though perhaps behind others. Returns how many.
  std::size_t fire_due(time_point now, std::size_t limit = 4096);

  /// When the next one is due.
  std::optional<time_point> next_due() const;
  /// How many are armed.
  std::size_t size() const;
  /// Those and the dead among them; for tests.
  std::size_t entries() const { return heap_.size(); }

 private:
  // The lock is taken only where more than one worker exists. Recursive: a fire function may arm
  // another timer.
  std::unique_lock<std::recursive_mutex> lock() const {
    return shared_ ? std::unique_lock(mutex_) : std::unique_lock<std::recursive_mutex>();
  }
  struct entry {
    time_point due;
    std::uint64_t sequence;
    std::uint32_t slot;
  };

  static bool before(const entry& a, const entry& b) noexcept {
    return a.due != b.due ? a.due < b.due : a.sequence < b.sequence;
  }
  void add_slot();
  void release(timer& t) noexcept;
  void drop_first() noexcept;
  void drop_dead() noexcept;
  void sweep() noexcept;
  void sift_up(std::size_t index, entry e) noexcept;
  std::size_t sink(std::size_t index) noexcept;

  mutable std::recursive_mutex mutex_;
  // Guarded by mutex_. The first entry of the heap, if there is one, is an armed timer's.
  std::vector<entry> heap_;          // four children a node
  std::vector<timer*> slots_;        // null: free, or of a dead entry
  std::vector<std::uint32_t> free_;  // slots that no entry names
  std::size_t armed_ = 0;
  std::uint64_t sequence_ = 0;
  const bool shared_;
};

}  // namespace buskin::detail
