// Another node, as long as we are connected to it.
#pragma once

#include <buskin/runtime/task.hpp>

#include <caf/actor.hpp>

#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace buskin::io {

namespace detail {
class peer_core;
}

/// A connection to another node; copies are the same. Any thread of its runtime.
///
/// Actors of the other process are plain handles: they are asked, monitored and linked as those of
/// this one. They end, for those who hold them here, when they end there, or with node_down when
/// the connection does; a new connection has new ones.
class peer {
 public:
  explicit peer(std::shared_ptr<detail::peer_core> core) noexcept : core_(std::move(core)) {}

  /// As it calls itself; vouched for by its certificate, where there is one.
  const std::string& name() const noexcept;

  /// The actor that it publishes under `name`. Throws request_failed when there is none, node_down
  /// when the connection has ended. Cancellation: the answer is ignored.
  task<caf::actor> lookup(std::string name,
                          std::source_location where = std::source_location::current()) const;
  /// The same as a handle of a primitive, `lookup<queue<int>>("jobs")`, of the kind and type that
  /// was published.
  template <class Handle>
  task<Handle> lookup(std::string name,
                      std::source_location where = std::source_location::current()) const {
    co_return Handle::at(co_await lookup(std::move(name), where));
  }

  /// What it publishes, sorted.
  task<std::vector<std::string>> names(
      std::source_location where = std::source_location::current()) const;

  /// False from the moment when the end was noticed.
  bool up() const;
  /// Awaits its end, and says why.
  task<std::string> down(std::source_location where = std::source_location::current()) const;
  /// Leaves it: tells it, and ends the connection. What was sent before still arrives.
  void close(std::string why = {}) const;

 private:
  friend class node;
  std::shared_ptr<detail::peer_core> core_;
};

}  // namespace buskin::io
