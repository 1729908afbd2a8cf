// Actors and tasks with bounded mailboxes.
#pragma once

#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/detail/bounded_mailbox.hpp>
#include <buskin/actors/mailbox.hpp>
#include <buskin/actors/task_handle.hpp>

#include <source_location>
#include <type_traits>
#include <utility>

namespace buskin {

/// As `spawn`, for a task that reads its mailbox with `receive`. What waits in it counts until it
/// is received. Throws std::invalid_argument for a capacity of 0 or marks out of order.
template <class T>
task_handle<T> spawn_bounded(task<T> body, const mailbox_options& mailbox,
                             spawn_options options = {},
                             std::source_location where = std::source_location::current()) {
  runtime* owner = nullptr;
  try {
    owner = &detail::runtime_here("spawn_bounded");
    detail::checked(mailbox);
  } catch (...) {
    body.dismiss();
    throw;
  }
  return task_handle<T>(detail::start_bounded_task(*owner, std::move(body), mailbox,
                                                   {std::move(options.name)}, where));
}

/// As `spawn_actor<T>(system, args...)`. `T` is derived from, so it is not final. A message counts
/// until its handler is called; while an exclusive coroutine handler is suspended, the next ones
/// wait in the mailbox.
template <class T, class... Args>
caf::actor spawn_bounded(caf::actor_system& system, const mailbox_options& mailbox,
                         Args&&... args) {
  static_assert(!std::is_final_v<T>,
                "spawn_bounded derives from the actor's class: it must not be "
                "final");
  auto actor = detail::make_lean<detail::bounded_behavior<T>>(system, detail::checked(mailbox),
                                                              std::forward<Args>(args)...);
  actor->track(shutdown_phase::ordinary);
  actor->launch(nullptr, false, true);
  return actor.handle();
}

}  // namespace buskin
