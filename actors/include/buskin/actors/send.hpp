// Fire and forget: a message to any CAF actor, from a task or an actor or from outside.
#pragma once

#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <caf/actor_cast.hpp>

#include <utility>

namespace buskin {

/// Sends `message...` to `whom`. The sender is the actor that runs here, if any. Never waits; to a
/// dead actor it is dropped.
template <class Handle, class... Args>
void send(const Handle& whom, Args&&... message) {
  lean_actor* self = detail::here.actor;
  auto* target = caf::actor_cast<caf::abstract_actor*>(whom);
  if (target == nullptr) return;
  target->enqueue(
      detail::make_element(self != nullptr ? caf::strong_actor_ptr(self->ctrl()) : nullptr,
                           caf::make_message_id(), std::forward<Args>(message)...),
      self != nullptr ? self->context() : nullptr);
}

}  // namespace buskin
