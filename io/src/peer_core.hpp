// One connection to another node, as seen by everybody who sends over it: any thread.
//
// What always holds: frames leave in the order in which they were accepted. A local actor that was
// made known to the peer (as a sender, as found, in a message) is in `known_` until it ends, and
// its end is told after the last frame about it. A request that went out is in `requests_` until
// its answer came; when the connection ends, each of them is answered with why.
#pragma once

#include <buskin/actors/event.hpp>
#include <buskin/actors/promise.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include "peer_frames.hpp"

#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/proxy_registry.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace buskin::io::detail {

using namespace buskin::detail;

class node_core;
class peer_link;

/// A question to a peer: one of these.
struct question {
  std::optional<promise<caf::actor>> actor{};
  std::optional<promise<std::vector<std::string>>> names{};
};

/// Answers a request that nobody will get; nothing if it is none. CAF's own bouncer does not say
/// why.
void refuse(const caf::mailbox_element& element, const caf::error& why);

class peer_core final : public std::enable_shared_from_this<peer_core>,
                        private caf::proxy_registry::backend {
 public:
  peer_core(std::shared_ptr<node_core> owner, hello peer);
  ~peer_core() override;

  const hello& peer() const noexcept { return peer_; }
  node_core& owner() const noexcept { return *owner_; }
  caf::actor_system& system() const noexcept { return system_; }
  caf::proxy_registry& proxies() noexcept { return proxies_; }
  /// "node "b""
  std::string title() const;

  // -- any thread -------------------------------------------------------------------------------

  /// A message for the peer's actor that `proxy` stands for. What cannot be sent is bounced.
  void send_message(caf::abstract_actor& proxy, caf::mailbox_element& element);
  /// Whole frames. Dropped when the connection has ended.
  void send(std::string_view frames);
  /// One, of what `fill(wire_writer&)` puts into it.
  template <class F>
  void send(frame_kind kind, F fill) {
    std::string bytes;
    bare_unit unit(system_);
    frame_writer frame(unit, bytes, kind);
    fill(frame.to);
    frame.finish();
    send(bytes);
  }
  /// From now on the peer may send to it, and is told of its end.
  void make_known(const caf::strong_actor_ptr& actor);
  /// A local actor, of which the peer may know, has ended.
  void actor_ended(caf::actor_id number, const caf::error& reason);
  /// Asks the peer for the actor that it publishes under a name; null: there is none.
  std::uint64_t ask_for(const std::string& name, promise<caf::actor> answer);
  /// Asks for what it publishes.
  std::uint64_t ask_for_names(promise<std::vector<std::string>> answer);
  /// Nobody waits for the answer any more.
  void forget_question(std::uint64_t number);
  bool ended() const;
  /// Why it ended; none while it has not.
  caf::error why() const;
  /// Set when it has ended.
  const event& down() const noexcept { return down_; }
  /// Tells the peer that we leave, and ends.
  void leave(const std::string& why);

  // -- of the link, on its worker ---------------------------------------------------------------

  void set_link(const lean_ref<peer_link>& link);
  /// What is to be written, in place of what `frames` holds.
  void take_unsent(std::string& frames);
  /// The local actor that the peer means; null when it has ended, or was never made known.
  caf::strong_actor_ptr known(caf::actor_id number) const;
  /// The answer to a request of ours has come.
  void answered(caf::actor_id asker, caf::message_id id);
  /// The peer's actor with this number.
  caf::strong_actor_ptr proxy_of(caf::actor_id number);
  /// All that waits for the peer is told. Once.
  void end(const caf::error& why);
  /// The question with this number, which is answered now; none: nobody waits.
  std::optional<question> take_question(std::uint64_t number);

 private:
  friend class end_notice;
  /// Who asked, and the number of the request.
  using request_key = std::pair<caf::actor_id, std::uint64_t>;
  struct request {
    caf::actor_addr asker;
    caf::message_id id;
  };

  caf::strong_actor_ptr make_proxy(caf::node_id node, caf::actor_id number) override;
  void set_last_hop(caf::node_id*) override {}
  std::uint64_t ask(question asked, frame_kind kind, const std::string* name);
  void know(const caf::strong_actor_ptr& actor);
  bool push(std::string_view frames);  // with the lock held; true: the link is to be woken

  const std::shared_ptr<node_core> owner_;
  caf::actor_system& system_;
  const hello peer_;
  caf::proxy_registry proxies_;
  const event down_;

  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::string unsent_;
  lean_ref<peer_link> link_;
  std::unordered_map<caf::actor_id, caf::actor_addr> known_;
  std::map<request_key, request> requests_;
  std::map<std::uint64_t, question> questions_;
  std::uint64_t last_question_ = 0;
  caf::error why_;
  bool woken_ = false;
  bool ended_ = false;
};

}  // namespace buskin::io::detail
