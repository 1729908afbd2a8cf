// Which process an actor is of, in its handles.
#pragma once

namespace caf {
class actor_system;
}

namespace buskin::detail {

/// Gives the actors that `system` makes from now on a node id of their own, another one for each
/// start of each runtime: so that a handle that was sent somewhere never means an actor of a later
/// process. Nothing when it has one (of CAF's own middleman).
void identify(caf::actor_system& system);

}  // namespace buskin::detail
