// An actor by the name that it has at another node, whoever that is at the moment.
#pragma once

#include <buskin/actors/ask.hpp>
#include <buskin/io/node.hpp>
#include <buskin/io/node_down.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/actor.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

namespace buskin::io {

/// What becomes of a request while its receiver cannot be reached.
enum class when_down : std::uint8_t {
  /// It fails.
  fail,
  /// It waits until there is somebody to send it to. Once it was sent, it fails: whether it was
  /// carried out is not known.
  wait,
  /// It waits, and is sent again when the connection ends before the answer comes: so it may be
  /// carried out twice, and has to be of the kind that does not mind.
  retry
};

struct remote_request {
  /// For the answer, with all that has to be waited for before.
  duration limit = std::chrono::seconds(30);
  when_down down = when_down::fail;
};

namespace detail {

class remote_core;

/// One request's way to its answer.
class attempts {
 public:
  attempts(std::shared_ptr<remote_core> core, const remote_request& how,
           const std::source_location& where);
  /// Whom to ask now. Throws what `remote::ask` throws.
  task<caf::actor> receiver();
  /// What is left of the limit; not less than zero.
  duration left() const;
  /// The connection ended before the answer came. False: that is the request's end.
  bool goes_on() const noexcept { return how_.down == when_down::retry; }
  task<void> pause();

 private:
  const std::shared_ptr<remote_core> core_;
  const remote_request how_;
  const std::source_location where_;
  const time_point until_;
  unsigned failures_ = 0;
  std::exception_ptr last_;
};

}  // namespace detail

/// An actor that another node publishes, found again when that node was restarted; copies are the
/// same. In the node's runtime. The connection is made when it is first needed, and shared by all
/// that go there.
class remote {
 public:
  /// `where` and `expected` as for node::connect.
  remote(node from, std::string where, std::string name, std::string expected = {});

  /// The actor as it is now. Throws what node::connect and peer::lookup throw. Cancellation: as
  /// theirs.
  task<caf::actor> resolve(std::source_location source = std::source_location::current()) const;

  /// Asks it as `buskin::ask` does. Throws what that throws; with `when_down::fail` also what
  /// `resolve` throws; else timeout_error, with what stood in the way, when the limit passes before
  /// there is anybody to ask. A node that is another one, or does not let us in, is never waited
  /// for (node_refused). Cancellation: as of `ask`.
  template <class R, class... Parts>
  task<R> ask(remote_request how, Parts... parts) const {
    detail::attempts tries(core_, how, std::source_location::current());
    for (;;) {
      const auto whom = co_await tries.receiver();
      bool again = false;
      try {
        co_return co_await buskin::ask<R>(whom, tries.left(), parts...);
      } catch (const node_down&) {
        if (!tries.goes_on()) throw;
        again = true;
      }
      if (again) co_await tries.pause();
    }
  }

 private:
  std::shared_ptr<detail::remote_core> core_;
};

}  // namespace buskin::io
