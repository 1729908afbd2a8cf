// A heap with four children a node: shallower than a binary one, and a node's children share a
// cache line.
#include <buskin/runtime/detail/timer_queue.hpp>

#include <algorithm>

namespace buskin::detail {

bool timer::disarm() noexcept {
  if (queue_ == nullptr) return false;
  const bool was_armed = queue_->disarm(*this);
  queue_ = nullptr;  // nothing fires now: the queue may end before the timer
  return was_armed;
}

timer_queue::~timer_queue() {
  for (timer* t : heap_) {
    t->index_ = timer::unarmed;
    t->queue_ = nullptr;
  }
}

void timer_queue::arm(timer& t, time_point due) {
  t.disarm();
  const auto guard = lock();
  t.due_ = due;
  t.sequence_ = ++sequence_;
  t.queue_ = this;
  heap_.push_back(&t);
  t.index_ = heap_.size() - 1;
  sift_up(t.index_);
}

bool timer_queue::disarm(timer& t) noexcept {
  const auto guard = lock();
  if (!t.armed()) return false;
  remove(t);
  return true;
}

std::size_t timer_queue::fire_due(time_point now, std::size_t limit) {
  const auto guard = lock();
  std::size_t fired = 0;
  while (fired != limit && !heap_.empty() && heap_.front()->due_ <= now) {
    timer& t = *heap_.front();
    remove(t);
    t.fire_(t);
    ++fired;
  }
  return fired;
}

std::optional<time_point> timer_queue::next_due() const {
  const auto guard = lock();
  if (heap_.empty()) return std::nullopt;
  return heap_.front()->due_;
}

std::size_t timer_queue::size() const {
  const auto guard = lock();
  return heap_.size();
}

void timer_queue::place(timer& t, std::size_t index) noexcept {
  heap_[index] = &t;
  t.index_ = index;
}

void timer_queue::sift_up(std::size_t index) noexcept {
  timer& t = *heap_[index];
  while (index != 0) {
    const std::size_t parent = (index - 1) / 4;
    if (!before(t, *heap_[parent])) break;
    place(*heap_[parent], index);
    index = parent;
  }
  place(t, index);
}

void timer_queue::sift_down(std::size_t index) noexcept {
  timer& t = *heap_[index];
  for (;;) {
    const std::size_t first = index * 4 + 1;
    if (first >= heap_.size()) break;
    std::size_t least = first;
    for (std::size_t child = first + 1; child < std::min(first + 4, heap_.size()); ++child)
      if (before(*heap_[child], *heap_[least])) least = child;
    if (!before(*heap_[least], t)) break;
    place(*heap_[least], index);
    index = least;
  }
  place(t, index);
}

void timer_queue::remove(timer& t) noexcept {
  const std::size_t index = t.index_;
  timer& last = *heap_.back();
  heap_.pop_back();
  t.index_ = timer::unarmed;
  if (!shared_) t.queue_ = nullptr;
  if (&last == &t) return;
  place(last, index);
  sift_up(index);
  sift_down(last.index_);
}

}  // namespace buskin::detail
