// Keeps children running: Erlang's supervisor, with exponential back-off.
#pragma once

#include <buskin/actors/broadcast.hpp>
#include <buskin/actors/child_error.hpp>
#include <buskin/actors/child_spec.hpp>
#include <buskin/actors/detail/supervisor_call.hpp>
#include <buskin/actors/supervisor_event.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/lean_actor.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <source_location>
#include <string>
#include <vector>

namespace buskin {

/// What the end of one child means for the others.
enum class restart_strategy : std::uint8_t {
  one_for_one,        ///< nothing
  one_for_all,        ///< all others are ended, and all are started again
  rest_for_one,       ///< those started after it are ended, and started again with it
  simple_one_for_one  ///< nothing; all children are made from one specification, when asked for
};

/// Whether a supervisor ends when `significant` children have ended by themselves.
enum class auto_shutdown : std::uint8_t {
  never,
  any_significant,  ///< with the first one
  all_significant   ///< with the last one
};

/// What a supervisor does when a child cannot be started while it starts itself.
enum class failed_start : std::uint8_t {
  roll_back,  ///< ends the children started so far, in reverse order, and itself (Erlang's rule)
  retry       ///< treats it like a failed restart: back-off, intensity
};

struct supervisor_options {
  /// No bound on the number of restarts.
  static constexpr unsigned unlimited = std::numeric_limits<unsigned>::max();

  std::string name = "supervisor";
  restart_strategy strategy = restart_strategy::one_for_one;
  /// More than `intensity` restarts within `period`, of all children together, end the supervisor
  /// and all its children (Erlang's rule and defaults). A restart of several for one failure counts
  /// as one.
  unsigned intensity = 1;
  duration period = std::chrono::seconds(5);
  buskin::auto_shutdown auto_shutdown = buskin::auto_shutdown::never;
  buskin::failed_start failed_start = buskin::failed_start::roll_back;
  /// A child that was killed and still has not ended after this time, because its handler does not
  /// return, is reported (BK040) and no longer waited for.
  duration kill_patience = std::chrono::seconds(1);
  /// Of the jitter.
  std::uint64_t seed = 0x5EED;
  /// How many events are kept for slow subscribers.
  std::size_t event_backlog = 1024;
};

/// A child as it stands.
struct child_status {
  enum class state : std::uint8_t {
    starting,  ///< a supervisor whose children are being started
    running,
    waiting,  ///< for its restart (Erlang's `restarting`)
    stopped   ///< a specification without an actor
  };
  std::string id;
  state now = state::stopped;
  unsigned restarts = 0;
  caf::actor actor;
  child_type type = child_type::worker;
};

const char* to_string(child_status::state now) noexcept;

/// How many children there are.
struct child_counts {
  std::size_t specs = 0;        ///< specifications, whether they run or not
  std::size_t active = 0;       ///< children that run
  std::size_t supervisors = 0;  ///< children that are supervisors, whether they run or not
  std::size_t workers = 0;      ///< the others
  friend bool operator==(const child_counts&, const child_counts&) = default;
};

namespace detail {
class supervisor_actor;
}

/// A supervisor actor; copies of this object refer to the same. It ends at shutdown, when it gives
/// up, by its auto-shutdown, or by `stop`; then its children have ended, in the reverse order of
/// their start.
///
/// It watches its children by monitors of its own: a child that is killed, or that unlinks itself,
/// does not escape. Requests are done one after the other, as in Erlang; they are sent when the
/// function is called, in any thread of the runtime, and their result can be awaited, by the task
/// that called. Cancellation of that await: the request stands. A request to a supervisor that has
/// ended fails with invalid_state.
class supervisor {
 public:
  /// None. As the result of `child_spec::start_supervisor` it says "ignore".
  supervisor() noexcept = default;
  /// Starts the children in order, in turns of its own. Inside a running runtime. Throws
  /// std::invalid_argument for a wrong specification: which child, and what about it. With
  /// simple_one_for_one there is one specification, which may lack a start.
  explicit supervisor(std::vector<child_spec> children, supervisor_options options = {});

  /// Waits until all children have been started. Throws child_error (start_failed) if one could not
  /// be.
  detail::supervisor_call<void> started(
      std::source_location where = std::source_location::current()) const;

  /// Adds and starts one more child; yields its actor, none for "ignore". Throws
  /// std::invalid_argument at once for a wrong specification. Fails with child_error:
  /// already_started, already_present, start_failed (then nothing is kept).
  detail::supervisor_call<caf::actor> start_child(
      child_spec child, std::source_location where = std::source_location::current()) const;
  /// One more child of a simple_one_for_one supervisor: made by `start`, or, if that is empty, by
  /// the specification's own.
  detail::supervisor_call<caf::actor> start_child(
      std::function<task<void>()> start = {},
      std::source_location where = std::source_location::current()) const;

  /// Ends a child within its shutdown time; its specification stays, unless it is temporary. One
  /// that is stopped already is fine. Fails with child_error: not_found.
  detail::supervisor_call<void> terminate_child(
      const std::string& id, std::source_location where = std::source_location::current()) const;
  /// The same for a child of a simple_one_for_one supervisor, which is known by its actor only.
  detail::supervisor_call<void> terminate_child(
      const caf::actor& child, std::source_location where = std::source_location::current()) const;
  /// Starts a stopped child; yields its actor. Fails with child_error: not_found, running,
  /// restarting, start_failed (the specification stays).
  detail::supervisor_call<caf::actor> restart_child(
      const std::string& id, std::source_location where = std::source_location::current()) const;
  /// Forgets a stopped child. Fails with child_error: not_found, running, restarting.
  detail::supervisor_call<void> delete_child(
      const std::string& id, std::source_location where = std::source_location::current()) const;

  /// The children, in the order of their start.
  std::vector<child_status> which_children() const;
  child_counts count_children() const;
  /// The specification of a child, with its defaults filled in; of a temporary one without what
  /// makes it. Throws child_error: not_found.
  child_spec get_childspec(const std::string& id) const;
  /// What happens from now on.
  subscription<supervisor_event> events() const;

  /// Asks it to end. Await `monitor(s.actor())` for the end.
  void stop() const;
  bool ended() const;
  const std::string& name() const;
  caf::actor actor() const;
  explicit operator bool() const noexcept { return static_cast<bool>(actor_); }

 private:
  friend class detail::supervisor_actor;
  detail::supervisor_actor& self() const;
  lean_ref<lean_actor> actor_;  // a supervisor_actor
};

}  // namespace buskin

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(buskin::child_counts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<buskin::child_status>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::function<buskin::task<void>()>)
