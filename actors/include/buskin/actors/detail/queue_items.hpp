// In which order the items of a queue come out: what queue, lifo_queue and priority_queue differ
// in.
//
// Each has: push; pop, the next to come out; put_back, of one that was popped last and is to come
// out next again; drop_oldest, the one that was pushed first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace buskin::detail {

template <class T>
class fifo_items {
 public:
  static constexpr const char* kind = "queue";

  bool empty() const noexcept { return items_.empty(); }
  std::size_t size() const noexcept { return items_.size(); }
  void push(T&& item) { items_.push_back(std::move(item)); }
  T pop() {
    T item(std::move(items_.front()));
    items_.pop_front();
    return item;
  }
  void put_back(T&& item) { items_.push_front(std::move(item)); }
  T drop_oldest() { return pop(); }

  /// `look(item)` for each, the next to come out first.
  template <class F>
  void each(F look) const {
    for (const T& item : items_) look(item);
  }

 private:
  std::deque<T> items_;
};

template <class T>
class lifo_items {
 public:
  static constexpr const char* kind = "lifo_queue";

  bool empty() const noexcept { return items_.empty(); }
  std::size_t size() const noexcept { return items_.size(); }
  void push(T&& item) { items_.push_back(std::move(item)); }
  T pop() {
    T item(std::move(items_.back()));
    items_.pop_back();
    return item;
  }
  void put_back(T&& item) { items_.push_back(std::move(item)); }
  T drop_oldest() {
    T item(std::move(items_.front()));
    items_.pop_front();
    return item;
  }
  template <class F>
  void each(F look) const {
    for (auto at = items_.rbegin(); at != items_.rend(); ++at) look(*at);
  }

 private:
  std::deque<T> items_;
};

/// A heap of items with the order of their coming, which decides between equals.
template <class T, class Compare>
class priority_items {
 public:
  static constexpr const char* kind = "priority_queue";

  bool empty() const noexcept { return heap_.empty(); }
  std::size_t size() const noexcept { return heap_.size(); }
  void push(T&& item) { enter({std::move(item), last_++}); }
  T pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later());
    T item(std::move(heap_.back().item));
    heap_.pop_back();
    return item;
  }
  void put_back(T&& item) { enter({std::move(item), --first_}); }
  T drop_oldest() {
    const auto oldest =
        std::min_element(heap_.begin(), heap_.end(),
                         [](const entry& a, const entry& b) { return a.number < b.number; });
    T item(std::move(oldest->item));
    if (oldest != heap_.end() - 1) *oldest = std::move(heap_.back());
    heap_.pop_back();
    std::make_heap(heap_.begin(), heap_.end(), later());
    return item;
  }
  template <class F>
  void each(F look) const {
    std::vector<const entry*> order;
    for (const entry& e : heap_) order.push_back(&e);
    std::sort(order.begin(), order.end(),
              [is_later = later()](const entry* a, const entry* b) { return is_later(*b, *a); });
    for (const entry* e : order) look(e->item);
  }

 private:
  struct entry {
    T item;
    std::int64_t number;
  };
  /// Whether one comes out after another.
  struct later {
    bool operator()(const entry& a, const entry& b) const {
      const Compare less{};
      if (less(b.item, a.item)) return true;
      if (less(a.item, b.item)) return false;
      return a.number > b.number;
    }
  };
  void enter(entry&& e) {
    heap_.push_back(std::move(e));
    std::push_heap(heap_.begin(), heap_.end(), later());
  }

  std::vector<entry> heap_;
  std::int64_t last_ = 0;
  std::int64_t first_ = 0;  // of those that were put back
};

}  // namespace buskin::detail
