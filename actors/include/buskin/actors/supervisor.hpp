// Keeps children running: Erlang's supervisor, with exponential back-off.
#pragma once

#include <buskin/actors/broadcast.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/lean_actor.hpp>
#include <buskin/runtime/lean_ref.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/actor.hpp>
#include <caf/error.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace buskin {

/// Which ends of a child lead to a restart (Erlang's words).
enum class restart_type {
  permanent,  ///< every end
  transient,  ///< an abnormal end: an exception, a non-normal exit reason
  temporary   ///< none
};

/// What the end of one child means for the others.
enum class restart_strategy {
  one_for_one  ///< nothing
};

/// How long a child may take to end when it is asked to.
class child_shutdown {
 public:
  /// Asked, and killed after `limit`.
  static child_shutdown within(duration limit) { return child_shutdown(limit); }
  /// Asked, and waited for.
  static child_shutdown infinity() { return child_shutdown(duration::max()); }
  /// Killed at once.
  static child_shutdown brutal_kill() { return child_shutdown(duration::zero()); }

  bool asks() const noexcept { return limit_ > duration::zero(); }
  bool limited() const noexcept { return limit_ != duration::max(); }
  duration limit() const noexcept { return limit_; }

 private:
  explicit child_shutdown(duration limit) : limit_(limit) {}
  duration limit_;
};

/// How long to wait before a restart: `initial` after the first failure, `factor` times as long
/// after each further one, `maximum` at most; each wait is moved by a random share of up to
/// `jitter` of itself, either way. A child that ran for `reset_after` begins anew. An `initial` of
/// zero restarts at once.
struct backoff {
  duration initial = duration::zero();
  duration maximum = std::chrono::seconds(30);
  double factor = 2.0;
  double jitter = 0.2;
  duration reset_after = std::chrono::seconds(60);

  /// The wait before restart number `failures` (1 for the first); `random` in [-1, 1].
  duration wait(unsigned failures, double random) const;
};

/// A child to be. Exactly one of `start` and `start_actor` is given.
struct child_spec {
  std::string id;
  /// Makes the coroutine of a child that is a task. It is called anew for each start.
  std::function<task<void>()> start;
  /// Makes a child that is another actor.
  std::function<caf::actor()> start_actor;
  restart_type restart = restart_type::permanent;
  child_shutdown shutdown = child_shutdown::within(std::chrono::seconds(5));
  buskin::backoff backoff;
};

/// Something that happened to a child, or to the supervisor itself (then `child` is empty).
struct supervisor_event {
  enum class kind : std::uint8_t {
    started,
    ended,    ///< `reason` says why
    waiting,  ///< will be restarted after `wait`
    start_failed,
    killed,  ///< did not end within its shutdown limit
    gave_up  ///< more restarts than the intensity permits: the supervisor ends
  };
  kind what = kind::started;
  std::string child;
  std::string reason;
  duration wait{};
  caf::actor actor;  ///< the child's, where there is one
};

const char* to_string(supervisor_event::kind what) noexcept;

struct supervisor_options {
  /// No bound on the number of restarts.
  static constexpr unsigned unlimited = std::numeric_limits<unsigned>::max();

  std::string name = "supervisor";
  restart_strategy strategy = restart_strategy::one_for_one;
  /// More than `intensity` restarts within `period` end the supervisor and all its children
  /// (Erlang's rule and defaults).
  unsigned intensity = 1;
  duration period = std::chrono::seconds(5);
  /// Of the jitter.
  std::uint64_t seed = 0x5EED;
  /// How many events are kept for slow subscribers.
  std::size_t event_backlog = 1024;
};

/// A child as it stands.
struct child_status {
  enum class state : std::uint8_t { running, waiting, stopped };
  std::string id;
  state now = state::stopped;
  unsigned restarts = 0;
  caf::actor actor;
};

/// A supervisor actor; copies of this object refer to the same. It ends at shutdown, when it gives
/// up, or by `stop`; then its children have ended, in the reverse order of their start.
class supervisor {
 public:
  /// Starts the children in order. Inside a running runtime. Throws std::invalid_argument for a
  /// wrong specification: which child, and what about it.
  explicit supervisor(std::vector<child_spec> children, supervisor_options options = {});

  /// Adds and starts one more child. Throws std::invalid_argument for a wrong specification or an
  /// id that exists, invalid_state when the supervisor has ended.
  void start_child(child_spec child) const;
  /// Asks a child to end; it is not restarted, its specification stays. False when there is no such
  /// child.
  bool terminate_child(const std::string& id) const;

  /// The children, in the order of their start.
  std::vector<child_status> children() const;
  /// What happens from now on.
  subscription<supervisor_event> events() const;

  /// Asks it to end. Await `monitor(s.actor())` for the end.
  void stop() const;
  bool ended() const;
  caf::actor actor() const;

 private:
  class implementation;
  implementation& self() const noexcept;
  lean_ref<lean_actor> actor_;  // an implementation
};

}  // namespace buskin
