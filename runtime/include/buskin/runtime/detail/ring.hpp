// A first-in first-out queue of pointers in one growing block: the run queue of a worker that
// nobody steals from.
#pragma once

#include <cstddef>
#include <memory>

namespace buskin::detail {

/// Owner-only. Grows by doubling, never shrinks. Without the memory to grow the program ends: an
/// actor that is ready and not in line would never be heard of again.
template <class T>
class ring {
 public:
  bool empty() const noexcept { return head_ == tail_; }
  std::size_t size() const noexcept { return tail_ - head_; }

  void push(T* item) noexcept {
    if (size() == capacity_) grow();
    slots_[tail_++ & (capacity_ - 1)] = item;
  }

  /// The item at a place from the oldest, below size().
  T* at(std::size_t place) const noexcept { return slots_[(head_ + place) & (capacity_ - 1)]; }
  /// The same, taken out of the middle; the others keep their order.
  T* take(std::size_t place) noexcept {
    T* item = at(place);
    for (; place != 0; --place)
      slots_[(head_ + place) & (capacity_ - 1)] = slots_[(head_ + place - 1) & (capacity_ - 1)];
    ++head_;
    return item;
  }

  /// The oldest item, or null.
  T* pop() noexcept { return empty() ? nullptr : slots_[head_++ & (capacity_ - 1)]; }

 private:
  void grow() {
    const std::size_t bigger = capacity_ * 2;
    auto slots = std::make_unique<T*[]>(bigger);
    const std::size_t count = size();
    for (std::size_t i = 0; i != count; ++i) slots[i] = slots_[(head_ + i) & (capacity_ - 1)];
    slots_ = std::move(slots);
    capacity_ = bigger;
    head_ = 0;
    tail_ = count;
  }

  std::size_t capacity_ = 256;  // a power of two
  std::unique_ptr<T*[]> slots_ = std::make_unique<T*[]>(capacity_);
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace buskin::detail
