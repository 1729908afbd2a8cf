// Starts, for other nodes, what this one offers to run, and ends it with whoever asked for it.
#pragma once

#include <buskin/io/detail/offer.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include "node_core.hpp"

#include <caf/atom.hpp>

#include <memory>

namespace buskin::io::detail {

/// `(run_offer, what, arguments)`: answers the actor that runs it.
using run_offer = caf::atom_constant<caf::atom("bk.run")>;
/// Under which name it is published; no user's can begin with a dot of this kind.
inline constexpr const char* steward_name = "\x01steward";

class steward_actor final : public lean_actor {
 public:
  steward_actor(caf::actor_config& config, std::shared_ptr<node_core> core)
      : lean_actor(config), core_(core) {}
  const char* name() const override { return "buskin.steward"; }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override;

 private:
  caf::actor start(const std::string& what, caf::message arguments,
                   const caf::strong_actor_ptr& whose);

  const std::weak_ptr<node_core> core_;  // which holds this
};

}  // namespace buskin::io::detail
