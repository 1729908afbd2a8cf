// This process among others: what it publishes, and to whom it is connected. Erlang's node.
#pragma once

#include <buskin/io/detail/offer.hpp>
#include <buskin/io/node_down.hpp>
#include <buskin/io/node_options.hpp>
#include <buskin/io/node_refused.hpp>
#include <buskin/io/peer.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/actor.hpp>

#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace buskin::io {

namespace detail {
class node_core;
}

/// A node; copies are the same. Any thread of its runtime. It ends with `close`, or with its
/// runtime.
///
/// Nobody gets in unauthenticated: on one host the system vouches for the user (only our own, or
/// root), beyond it TLS 1.3 with certificates on both sides. A peer reaches what was published, and
/// what it was sent a handle of. What travels in messages are CAF's own types and those that were
/// registered in `runtime_options::configure`.
class node {
 public:
  /// Listens. Throws std::invalid_argument for options that do not fit (an address beyond this host
  /// without TLS among them), std::system_error when it cannot listen there.
  static task<node> listen(node_options options,
                           std::source_location where = std::source_location::current());
  /// One that connects to others, and cannot be connected to. Inside a running runtime.
  static node without_address(node_options options);

  const std::string& name() const noexcept;
  /// Where others connect to. Throws invalid_state for one without an address.
  std::string address() const;

  /// Connects to the node that listens at `where`: "host:port", "unix:/path", or the name of a node
  /// on this host. `expected`: the name it has to have, and its certificate to be for; where that
  /// is empty, the name that `where` is, or the host.
  ///
  /// Throws node_refused when the other end is somebody else, or refuses us;
  /// std::system_error when it cannot be reached, also for what is wrong with its certificate.
  /// Cancellation: closes the connection.
  task<peer> connect(std::string where, std::string expected = {},
                     std::source_location source = std::source_location::current()) const;

  /// The same, but whoever is up there already will do: made by `reach`, with the same arguments.
  /// Several that come at once make one connection.
  task<peer> reach(std::string where, std::string expected = {},
                   std::source_location source = std::source_location::current()) const;

  /// Peers may find `actor` by `name` from now on, and it is kept alive; the former one of that
  /// name is published no longer. Throws std::invalid_argument for a name that is empty or longer
  /// than 255 bytes, and for an actor that is not of this process.
  void publish(std::string name, caf::actor actor) const;
  /// The same for a primitive: a queue, a lock.
  template <class Handle>
  requires requires(const Handle& h) { h.actor(); }
  void publish(std::string name, const Handle& handle) const {
    publish(std::move(name), handle.actor());
  }
  /// Peers may have `body`, a callable that makes a task<void>, run here by `name` (run_at), with
  /// arguments of the types that it takes. It runs as a task of its own and ends with whoever asked
  /// for it. The former one of that name is offered no longer.
  template <class F>
  void offer(std::string name, F body) const {
    add_offer(std::move(name), detail::make_offer(std::function(std::move(body))));
  }

  /// False when there was none.
  bool unpublish(const std::string& name) const;
  std::vector<std::string> published() const;

  /// Those that are up, in the order in which they came.
  std::vector<peer> peers() const;

  /// Lets nobody in any more, and leaves all peers.
  void close() const;

 private:
  void add_offer(std::string name, detail::offer made) const;
  explicit node(std::shared_ptr<detail::node_core> core) noexcept : core_(std::move(core)) {}
  std::shared_ptr<detail::node_core> core_;
};

}  // namespace buskin::io

namespace buskin {
using io::node;
}
