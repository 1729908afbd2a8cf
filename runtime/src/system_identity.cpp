#include "system_identity.hpp"

#include <caf/actor_system.hpp>
#include <caf/node_id.hpp>

#include <unistd.h>

#include <cstdint>
#include <random>

namespace buskin::detail {

namespace {

// CAF leaves the node id of a system to its own middleman, which is a friend, and offers no other
// way to set it. An explicit instantiation may name what is private.
caf::node_id& node_of(caf::actor_system& system);

template <caf::node_id caf::actor_system::*Member>
struct opened {
  friend caf::node_id& node_of(caf::actor_system& system) { return system.*Member; }
};
template struct opened<&caf::actor_system::node_>;

}  // namespace

void identify(caf::actor_system& system) {
  auto& node = node_of(system);
  if (node) return;
  std::random_device source;
  caf::node_id::default_data::host_id_type host;
  for (auto& byte : host) byte = static_cast<std::uint8_t>(source());
  host.front() |= 1;  // all zeros mean none
  node = caf::make_node_id(static_cast<std::uint32_t>(::getpid()), host);
}

}  // namespace buskin::detail
