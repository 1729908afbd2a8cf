// What a supervisor is told of a child. The words are Erlang's.
#pragma once

#include <buskin/actors/backoff.hpp>
#include <buskin/actors/mailbox.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace buskin {

class supervisor;

/// Which ends of a child lead to a restart.
enum class restart_type : std::uint8_t {
  permanent,  ///< every end
  transient,  ///< an abnormal end: an exception, a non-normal exit reason
  temporary   ///< none; its specification goes with it
};

enum class child_type : std::uint8_t { worker, supervisor };

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

/// A child to be. Exactly one of `start`, `start_actor` and `start_supervisor` is given; it is
/// called anew for each start, in a turn of the supervisor. What it throws is a failed start; an
/// empty result says "ignore": there is nothing to run, and that is no failure.
struct child_spec {
  std::string id;
  /// Makes the coroutine of a child that is a task.
  std::function<task<void>()> start;
  /// Makes a child that is another actor: a lean one or any of CAF's.
  std::function<caf::actor()> start_actor;
  /// Makes a child that is a supervisor. It has started when its own children have.
  std::function<supervisor()> start_supervisor;
  restart_type restart = restart_type::permanent;
  /// Its end may end the supervisor; see `supervisor_options::auto_shutdown`.
  bool significant = false;
  /// When not given: five seconds for a worker, `infinity` for a supervisor.
  std::optional<child_shutdown> shutdown;
  child_type type = child_type::worker;  ///< always `supervisor` with `start_supervisor`
  buskin::backoff backoff;
  /// Of a child that is a task.
  mailbox_options mailbox;
};

}  // namespace buskin

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(buskin::child_spec)
