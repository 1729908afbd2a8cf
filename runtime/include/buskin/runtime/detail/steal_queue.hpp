// The run queue of a worker that others may steal from. First in, first out for the owner and for
// thieves alike.
//
// A bounded ring that is pushed to by its owner only and popped by anybody with a compare-and-swap
// on the head (the shape of Go's per-processor queue), and behind it an unbounded overflow under a
// lock. What always holds: an item is returned by exactly one pop or steal; items of the ring are
// older than those of the overflow. Knows nothing of actors, so that a thread sanitizer can watch
// it alone.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace buskin::detail {

template <class T>
class steal_queue {
 public:
  static constexpr std::uint32_t capacity = 256;

  /// Owner only.
  void push(T* item) {
    if (overflowing_.load(std::memory_order_relaxed) == 0 && push_ring(item)) return;
    std::lock_guard guard(mutex_);
    overflow_.push_back(item);
    overflowing_.store(overflow_.size(), std::memory_order_relaxed);
  }

  /// The oldest item, or null. Owner only.
  T* pop() {
    if (T* item = take()) return item;
    if (overflowing_.load(std::memory_order_relaxed) == 0) return nullptr;
    T* first = nullptr;
    std::lock_guard guard(mutex_);
    // Refill half the ring at once: one lock for many items.
    for (std::uint32_t i = 0; i != capacity / 2 && !overflow_.empty(); ++i) {
      T* item = overflow_.front();
      overflow_.pop_front();
      if (first == nullptr) {
        first = item;
      } else if (!push_ring(item)) {
        overflow_.push_front(item);
        break;
      }
    }
    overflowing_.store(overflow_.size(), std::memory_order_relaxed);
    return first;
  }

  /// The oldest item, or null. Any thread.
  T* steal() {
    if (T* item = take()) return item;
    if (overflowing_.load(std::memory_order_relaxed) == 0) return nullptr;
    std::lock_guard guard(mutex_);
    if (overflow_.empty()) return nullptr;
    T* item = overflow_.front();
    overflow_.pop_front();
    overflowing_.store(overflow_.size(), std::memory_order_relaxed);
    return item;
  }

  /// Exact for the owner while nobody steals, a hint for others.
  std::size_t size() const noexcept {
    const std::uint32_t head = head_.load(std::memory_order_acquire);
    const std::uint32_t tail = tail_.load(std::memory_order_acquire);
    const auto in_ring = static_cast<std::int32_t>(tail - head);
    return static_cast<std::size_t>(in_ring > 0 ? in_ring : 0) +
           overflowing_.load(std::memory_order_relaxed);
  }

  bool empty() const noexcept { return size() == 0; }

 private:
  bool push_ring(T* item) {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    // acquire, with the release of take(): the slot we are about to overwrite has been read.
    const std::uint32_t head = head_.load(std::memory_order_acquire);
    if (tail - head >= capacity) return false;
    slots_[tail % capacity].store(item, std::memory_order_relaxed);
    tail_.store(tail + 1,
                std::memory_order_release);  // with the acquire of take(): the slot is filled
    return true;
  }

  T* take() {
    std::uint32_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      const std::uint32_t tail = tail_.load(std::memory_order_acquire);
      if (head == tail) return nullptr;
      T* item = slots_[head % capacity].load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire))
        return item;
    }
  }

  alignas(64) std::atomic<std::uint32_t> head_{0};
  alignas(64) std::atomic<std::uint32_t> tail_{0};
  std::array<std::atomic<T*>, capacity> slots_{};
  alignas(64) std::atomic<std::size_t> overflowing_{
      0};  // overflow_.size(), readable without the lock
  std::mutex mutex_;
  std::deque<T*> overflow_;  // guarded by mutex_
};

}  // namespace buskin::detail
