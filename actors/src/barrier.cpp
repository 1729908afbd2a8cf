// The states and their order are those of asyncio's Barrier (CPython 3.13, Lib/asyncio/locks.py).
#include <buskin/actors/barrier.hpp>

namespace buskin {

struct barrier::shared {
  explicit shared(std::size_t n) : parties(n) {}
  enum class state { filling, draining, resetting, broken };

  bool passable() const noexcept { return state != state::draining && state != state::resetting; }

  /// One party less; the last one to leave opens the next round. With the lock held.
  void leave() {
    --inside;
    if (inside == 0 && !passable()) state = state::filling;
    changed.notify_all();
  }

  const std::size_t parties;
  condition changed;
  // Guarded by the condition's lock.
  enum state state = state::filling;
  std::size_t inside = 0;
};

barrier::barrier(std::size_t parties) {
  if (parties == 0) throw std::invalid_argument("a barrier has at least one party");
  shared_ = std::make_shared<shared>(parties);
}

std::size_t barrier::parties() const noexcept { return shared_->parties; }
std::size_t barrier::waiting() const { return shared_->state == shared::state::filling ? shared_->inside : 0; }
bool barrier::broken() const { return shared_->state == shared::state::broken; }

task<std::size_t> barrier::wait(std::source_location where) const { return pass(shared_, where); }

task<std::size_t> barrier::pass(std::shared_ptr<shared> self, std::source_location where) {
  using state = enum shared::state;
  const auto guard = co_await self->changed.hold(where);
  // A party that is early for the next round waits until this one has left.
  co_await self->changed.wait_for([self = self.get()] { return self->passable(); }, where);
  if (self->state == state::broken) throw broken_barrier();
  const std::size_t index = self->inside++;
  std::exception_ptr failure;
  try {
    if (self->inside == self->parties) {
      self->state = state::draining;
      self->changed.notify_all();
    } else {
      co_await self->changed.wait_for([self = self.get()] { return self->state != state::filling; }, where);
      if (self->state == state::broken || self->state == state::resetting) throw broken_barrier();
    }
  } catch (...) {
    failure = std::current_exception();
  }
  self->leave();
  if (failure) std::rethrow_exception(failure);
  co_return index;
}

task<void> barrier::reset() const { return change(shared_, false); }
task<void> barrier::abort() const { return change(shared_, true); }

task<void> barrier::change(std::shared_ptr<shared> self, bool broken) {
  using state = enum shared::state;
  const auto guard = co_await self->changed.hold();
  if (broken)
    self->state = state::broken;
  else if (self->inside != 0)
    self->state = state::resetting;
  else
    self->state = state::filling;
  self->changed.notify_all();
}

}  // namespace buskin
