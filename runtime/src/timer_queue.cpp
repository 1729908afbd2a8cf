// A heap with four children a node, shallower than a binary one. An entry has its key with it and
// names its timer by a slot, so that neither comparing nor moving entries touches the timers. A
// timer that is disarmed leaves its entry behind, dead: most deadlines are never reached, and
// taking an entry out of the middle is dearer than meeting it later. The dead are swept out when
// they are the most.
#include <buskin/runtime/detail/timer_queue.hpp>

#include <algorithm>
#include <array>

namespace buskin::detail {

bool timer::disarm() noexcept {
  if (queue_ == nullptr) return false;
  const bool was_armed = queue_->disarm(*this);
  queue_ = nullptr;  // nothing fires now: the queue may end before the timer
  return was_armed;
}

timer_queue::~timer_queue() {
  for (timer* t : slots_)
    if (t != nullptr) {
      t->slot_ = timer::unarmed;
      t->queue_ = nullptr;
    }
}

void timer_queue::arm(timer& t, time_point due) {
  t.disarm();
  const auto guard = lock();
  if (free_.empty()) add_slot();
  t.slot_ = free_.back();
  free_.pop_back();
  t.queue_ = this;
  slots_[t.slot_] = &t;
  ++armed_;
  heap_.push_back({due, ++sequence_, t.slot_});
  sift_up(heap_.size() - 1, heap_.back());
}

/// There are never more entries or free slots than slots: only here memory is needed.
void timer_queue::add_slot() {
  if (slots_.size() == slots_.capacity()) {
    const std::size_t room = std::max<std::size_t>(64, 2 * slots_.size());
    heap_.reserve(room);
    free_.reserve(room);
    slots_.reserve(room);
  }
  free_.push_back(static_cast<std::uint32_t>(slots_.size()));
  slots_.push_back(nullptr);
}

bool timer_queue::disarm(timer& t) noexcept {
  const auto guard = lock();
  if (!t.armed()) return false;
  release(t);
  if (heap_.size() > 2 * armed_ + 64) sweep();
  drop_dead();
  return true;
}

std::size_t timer_queue::fire_due(time_point now, std::size_t limit) {
  const auto guard = lock();
  std::array<std::uint32_t, 16> batch;
  std::size_t fired = 0;
  for (;;) {
    // Timers that were armed long ago are not in the processor's caches: several are asked for
    // before the first is needed.
    std::size_t count = 0;
    while (count != std::min(batch.size(), limit - fired) && !heap_.empty() &&
           heap_.front().due <= now) {
      batch[count] = heap_.front().slot;
      __builtin_prefetch(slots_[batch[count++]]);
      drop_first();
      drop_dead();
    }
    if (count == 0) return fired;
    for (std::size_t i = 0; i != count; ++i) {
      timer* t = slots_[batch[i]];
      if (t != nullptr) release(*t);  // else one that fired before has disarmed it
      free_.push_back(batch[i]);
      if (t == nullptr) continue;
      t->fire_(*t);
      ++fired;
    }
  }
}

std::optional<time_point> timer_queue::next_due() const {
  const auto guard = lock();
  if (heap_.empty()) return std::nullopt;
  return heap_.front().due;
}

std::size_t timer_queue::size() const {
  const auto guard = lock();
  return armed_;
}

/// The timer has nothing to do with its entry any more.
void timer_queue::release(timer& t) noexcept {
  slots_[t.slot_] = nullptr;
  t.slot_ = timer::unarmed;
  if (!shared_) t.queue_ = nullptr;
  --armed_;
}

void timer_queue::drop_first() noexcept {
  const entry last = heap_.back();
  heap_.pop_back();
  // The last one belongs near the leaves: it seldom climbs back from there.
  if (!heap_.empty()) sift_up(sink(0), last);
}

/// The first entry is a timer's again, or there is none.
void timer_queue::drop_dead() noexcept {
  while (!heap_.empty() && slots_[heap_.front().slot] == nullptr) {
    free_.push_back(heap_.front().slot);
    drop_first();
  }
}

void timer_queue::sweep() noexcept {
  std::erase_if(heap_, [this](const entry& e) {
    const bool dead = slots_[e.slot] == nullptr;
    if (dead) free_.push_back(e.slot);
    return dead;
  });
  for (std::size_t parents = (heap_.size() + 2) / 4; parents-- != 0;) {
    const entry e = heap_[parents];
    std::size_t at = sink(parents);
    for (; at != parents && before(e, heap_[(at - 1) / 4]); at = (at - 1) / 4)
      heap_[at] = heap_[(at - 1) / 4];
    heap_[at] = e;
  }
}

void timer_queue::sift_up(std::size_t index, entry e) noexcept {
  while (index != 0) {
    const std::size_t parent = (index - 1) / 4;
    if (!before(e, heap_[parent])) break;
    heap_[index] = heap_[parent];
    index = parent;
  }
  heap_[index] = e;
}

/// From `index`, whose entry is to go, the least of each node's children moves up. Returns the leaf
/// that is free then.
std::size_t timer_queue::sink(std::size_t index) noexcept {
  for (;;) {
    const std::size_t first = index * 4 + 1;
    if (first >= heap_.size()) return index;
    std::size_t least = first;
    for (std::size_t child = first + 1; child < std::min(first + 4, heap_.size()); ++child)
      if (before(heap_[child], heap_[least])) least = child;
    heap_[index] = heap_[least];
    index = least;
  }
}

}  // namespace buskin::detail
