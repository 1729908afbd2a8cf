#include "far_proxy.hpp"

#include "peer_core.hpp"

#include <caf/mailbox_element.hpp>
#include <caf/sec.hpp>

#include <utility>

namespace buskin::io::detail {

far_proxy::far_proxy(caf::actor_config& config, std::shared_ptr<peer_core> peer)
    : caf::actor_proxy(config), peer_(peer) {}

far_proxy::~far_proxy() = default;

void far_proxy::enqueue(caf::mailbox_element_ptr element, caf::execution_unit*) {
  const auto peer = peer_.lock();
  if (!peer)
    refuse(*element, fail_state());
  else if (getf(is_terminated_flag))
    refuse(*element, peer->ended() ? peer->why() : make_error(caf::sec::request_receiver_down));
  else
    peer->send_message(*this, *element);
}

void far_proxy::kill_proxy(caf::execution_unit* unit, caf::error reason) {
  cleanup(std::move(reason), unit);
}

}  // namespace buskin::io::detail
