// Stands for an actor of another node.
#pragma once

#include <caf/actor_proxy.hpp>

#include <memory>

namespace buskin::io::detail {

class peer_core;

class far_proxy final : public caf::actor_proxy {
 public:
  /// Without a peer it stands for one that cannot be reached.
  far_proxy(caf::actor_config& config, std::shared_ptr<peer_core> peer);
  ~far_proxy() override;

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override;
  void kill_proxy(caf::execution_unit* unit, caf::error reason) override;
  const char* name() const override { return "buskin.far"; }

 private:
  const std::weak_ptr<peer_core> peer_;  // which holds this
};

}  // namespace buskin::io::detail
