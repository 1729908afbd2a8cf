// How a runtime is to be.
#pragma once

#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/incident.hpp>
#include <buskin/runtime/new_task.hpp>
#include <buskin/runtime/scheduling_order.hpp>
#include <buskin/runtime/thread_pool.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace caf {
class actor_system_config;
}

namespace buskin {

/// Which signals of the operating system a runtime takes while it runs.
enum class signal_handling {
  none,
  /// SIGINT and SIGTERM: the first cancels the main task (and stops run_forever); when the main
  /// task ended because of it, the program then ends by that signal, as a shell expects. The second
  /// ends the process at once. One that the program takes itself (`signals`, `add_signal_handler`)
  /// is left to it.
  cancel_main
};

/// From where on debug mode finds something worth a report. Times are of the runtime's clock.
struct debug_limits {
  /// BK004: a turn that takes this long kept everybody else waiting.
  duration slow_turn = std::chrono::milliseconds(100);
  /// BK007: a wait without a deadline that lasts this long is taken for stalled.
  duration stalled_wait = std::chrono::seconds(60);
  /// BK008: a lock that is held across an await of this length.
  duration lock_held = std::chrono::seconds(1);
  /// BK009: a mailbox or queue with this many items grows without bound.
  std::size_t growth = 10'000;
};

/// How long each phase of a shutdown may take, in real time; none of them beyond
/// `runtime_options::shutdown_timeout`. Whoever is late is left to the phases behind it.
struct shutdown_limits {
  std::chrono::milliseconds acceptors = std::chrono::milliseconds::max();
  std::chrono::milliseconds supervisors = std::chrono::milliseconds::max();
  std::chrono::milliseconds tasks = std::chrono::milliseconds::max();
};

struct runtime_options {
  /// 1: cooperative, everything runs on the thread that calls run(). N: threaded, that thread and
  /// N-1 more. At most 64.
  unsigned workers = 1;
  /// Names the runtime in reports, and its threads in the system's tools.
  std::string name = "buskin";
  /// Not owned; null for the real clock, or for what the environment variable BUSKIN_CLOCK names:
  /// "real", or "jump" for a manual_clock that jumps (a program with hours of sleeps runs in no
  /// time).
  buskin::clock* clock = nullptr;
  /// A worker that sleeps is woken by timers once in this time, so that many of them cost few
  /// wake-ups: a timer may fire this much late when another one has fired just before. Zero for the
  /// system's own resolution.
  duration timer_slack = std::chrono::microseconds(500);
  /// Messages one actor handles before others have their turn.
  std::size_t max_throughput = 50;
  /// Whether a spawned task takes its first step inside the call that spawns it (asyncio's eager
  /// tasks) where `spawn_options::eager` does not say. Main tasks never do.
  bool eager_tasks = false;
  signal_handling signals = signal_handling::cancel_main;
  /// How long shutdown waits for tasks and actors to end before it kills them. Real time.
  std::chrono::milliseconds shutdown_timeout{10'000};
  shutdown_limits phase_timeouts;
  /// What `buskin::run` returns in place of 0 from a main task that yields an int, when the
  /// shutdown was not clean: somebody had to be killed, or was let go. For the exit status of a
  /// program; 0: what main yields, always.
  int forced_exit_status = 70;
  /// Looks for mistakes while the program runs (BK004 to BK011). Also switched on by the
  /// environment variable BUSKIN_DEBUG=1.
  bool debug = false;
  debug_limits limits;
  /// A signal on which all tasks, and who awaits whom, are printed to the error stream, while the
  /// runtime runs; SIGUSR1, say. 0 for none.
  int inspect_signal = 0;
  /// See runtime::set_wake_hook.
  std::function<void()> on_wake;
  /// Called once before CAF's actor system is made: message types, modules.
  std::function<void(caf::actor_system_config&)> configure;
  /// Told of incidents. By default they are logged as errors.
  std::function<void(const incident&)> on_incident;
  /// See runtime::set_task_factory.
  std::function<void(new_task&)> on_task_created;
  /// Runs what is ready in an order that this seed determines (seeded_order), to find races and to
  /// repeat them. One worker only. Without it the environment variable BUSKIN_SEED may give one.
  std::optional<std::uint64_t> seed;
  /// The same with an order of your own. One worker only; null for first in, first out.
  std::shared_ptr<scheduling_order> order;
  /// The pool that to_thread uses; made when it is first used.
  thread_pool_options default_executor{.name = "worker"};
};

}  // namespace buskin
