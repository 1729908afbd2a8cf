// A task that runs at another node: what a supervisor starts to have a child elsewhere.
#pragma once

#include <buskin/io/node.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/make_message.hpp>
#include <caf/message.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace buskin::io {

/// Where something may run: nodes, as for node::connect.
struct placement {
  enum class order : std::uint8_t {
    first,   ///< the first of them that can be reached and takes it
    in_turn  ///< each start begins behind the node of the last one; copies share that
  };

  explicit placement(std::vector<std::string> nodes, order how = order::first);

  std::vector<std::string> nodes;
  order how;
  /// Of all copies: where the next start begins.
  std::shared_ptr<std::atomic<std::size_t>> next;
};

namespace detail {
task<void> run_at(node from, placement where, std::string what, caf::message arguments,
                  std::source_location source);
}

/// Runs, at one of those nodes, what that one offers by the name `what` (node::offer), with these
/// arguments. It lasts as long as that does, and ends in the same way: what was thrown there is
/// thrown here (remote_error, unless it is one of Buskin's own types); node_down when the node goes
/// away. Throws node_down also when no node takes it, with each one's reason in the text.
/// Cancellation: cancels what runs there, and waits for its end. The end of the task that awaits
/// this, or of its node, ends it there as well.
///
/// As the `start` of a child_spec it makes a remote child, which is placed anew at each restart.
template <class... Args>
task<void> run_at(node from, placement where, std::string what, Args... arguments) {
  return detail::run_at(std::move(from), std::move(where), std::move(what),
                        caf::make_message(std::move(arguments)...),
                        std::source_location::current());
}

}  // namespace buskin::io
