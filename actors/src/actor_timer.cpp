#include <buskin/actors/detail/actor_timer.hpp>

#include <buskin/runtime/detail/worker.hpp>

namespace buskin::detail {

void actor_timer::set(duration delay) {
  due_.store(false, std::memory_order_relaxed);
  here.worker->timers().arm(*this, after(here.worker->look(), delay));
}

void actor_timer::on_fire(timer& t) noexcept {
  auto& self = static_cast<actor_timer&>(t);
  lean_actor& owner = self.owner_;
  self.due_.store(true, std::memory_order_release);
  owner.signal();
}

}  // namespace buskin::detail
