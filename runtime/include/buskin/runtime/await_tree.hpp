// Who awaits whom.
#pragma once

#include <buskin/runtime/actor_status.hpp>
#include <buskin/runtime/clock.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace buskin {

/// All tasks and actors that are alive, and who awaits whom (asyncio's call graph and `pstree`).
///
/// A task awaits a task that it joins, the children of a group or gather whose end it waits for, an
/// actor it asked, and the task that holds the lock it waits for. Made by
/// `runtime::capture_await_tree`. Not one moment of the whole: each actor is looked at by itself,
/// and what it says may be over by then.
struct await_tree {
  struct node {
    actor_status status;
    std::vector<std::size_t> awaits;      ///< indices of the nodes it waits for
    std::vector<std::size_t> awaited_by;  ///< indices of the nodes that wait for it
  };

  std::vector<node> nodes;
  time_point at{};  ///< the present of the runtime's clock

  /// The node of the task or actor with this name or (in quotes or not) task name; null for none.
  const node* find(const std::string& name) const noexcept;
  /// Each circle of nodes that wait for each other, once: those in it wait for ever.
  std::vector<std::vector<std::size_t>> cycles() const;
};

/// One line a task, those it awaits indented below it; whoever nobody awaits is a root. A task that
/// two await is told in full once. Circles are listed in front, and not followed twice.
std::string to_string(const await_tree& tree);

}  // namespace buskin
