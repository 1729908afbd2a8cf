// A lean actor with CAF's message handlers, and coroutine handlers for it and for CAF's own
// event-based actors.
#pragma once

#include <buskin/actors/detail/coroutine_handlers.hpp>
#include <buskin/runtime/lean_actor.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include <caf/behavior.hpp>

#include <utility>

namespace buskin {

/// Like caf::event_based_actor, at a fraction of its size and cost: derive, return handlers from
/// make_behavior, and spawn with `spawn_actor<T>(...)` or CAF's `system.spawn<T>(...)`. Handlers
/// answer by what they return, as in CAF. What it has not: streams, `become` stacks and `.then` (a
/// coroutine handler awaits instead).
class behavior_actor : public lean_actor {
 public:
  explicit behavior_actor(caf::actor_config& config);

 protected:
  /// Called in the first turn. An empty behavior ends the actor.
  virtual caf::behavior make_behavior() = 0;
  /// Replaces the handlers.
  void become(caf::behavior handlers) { behavior_ = std::move(handlers); }

  /// Whether the next message may be handled now: no exclusive handler is suspended.
  bool accepts() const noexcept { return !coroutines_.exclusive(); }

  void on_start() override;
  void on_message(caf::mailbox_element_ptr& element) override;
  void on_signal() override { coroutines_.on_signal(); }
  void on_end() noexcept override { coroutines_.destroy(); }

 private:
  friend detail::handler_stacks& detail::stacks_of(behavior_actor& self);
  caf::behavior behavior_;
  detail::handler_stacks coroutines_;
};

/// Spawns a lean actor of class `T`, constructed with `args...`. It is listed, and asked to end at
/// shutdown.
template <class T, class... Args>
caf::actor spawn_actor(caf::actor_system& system, Args&&... args) {
  auto actor = detail::make_lean<T>(system, std::forward<Args>(args)...);
  actor->track(shutdown_phase::ordinary);
  actor->launch(nullptr, false, true);
  return actor.handle();
}

}  // namespace buskin
