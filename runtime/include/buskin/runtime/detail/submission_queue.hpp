// What other threads hand to a worker. Many writers, one reader; knows nothing of actors.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace buskin::detail {

/// Without the memory to grow the program ends, as with `ring`.
template <class T>
class submission_queue {
 public:
  static constexpr std::size_t first_capacity = 64;

  submission_queue() { items_.reserve(first_capacity); }
  void push(T item) noexcept {
    std::lock_guard guard(mutex_);
    items_.push_back(std::move(item));
    filled_.store(true, std::memory_order_release);
  }

  /// Whether anything may be there. Sequentially consistent with the sleeper's flag of the worker
  /// that reads this.
  bool empty() const noexcept { return !filled_.load(std::memory_order_seq_cst); }

  /// Swaps everything out. Reader only; `into` must be empty.
  void drain(std::vector<T>& into) {
    std::lock_guard guard(mutex_);
    into.swap(items_);
    filled_.store(false, std::memory_order_release);
  }

 private:
  std::mutex mutex_;
  std::vector<T> items_;             // guarded by mutex_
  std::atomic<bool> filled_{false};  // !items_.empty(), readable without the lock
};

}  // namespace buskin::detail
