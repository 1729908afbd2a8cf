// The runtime: CAF's actor system, Asio's loop and the clock in one object, and `run` for the whole
// program.
#pragma once

#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/context.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/scheduling_order.hpp>
#include <buskin/runtime/task.hpp>
#include <buskin/runtime/thread_pool.hpp>
#include <buskin/runtime/wait_record.hpp>

#include <caf/actor_system_config.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

namespace asio {
class io_context;
}

namespace buskin {

/// Something that went wrong where nobody could be told by an exception.
struct incident {
  std::string code;  ///< stable: "BK001" and so on, see the reference
  std::string text;
  std::exception_ptr error;  ///< null where there is none
  std::string who;           ///< the task's or actor's name; may be empty
  std::source_location where;
};

/// "BK002 the exception … (task "fetch", started at main.cpp:12)"
std::string to_string(const incident& what);

/// A task that was just created and has not begun, as the task factory sees it.
struct new_task {
  caf::actor_id id = 0;
  std::string name;  ///< may be changed; when it is made empty the task keeps the one it has
  std::source_location where;
};

/// Which signals of the operating system a runtime takes while it runs.
enum class signal_handling {
  none,
  /// SIGINT and SIGTERM: the first cancels the main task; when the main task ended because of it,
  /// the program then ends by that signal, as a shell expects. The second ends the process at once.
  cancel_main
};

struct runtime_options {
  /// 1: cooperative, everything runs on the thread that calls run(). N: threaded, that thread and
  /// N-1 more. At most 64.
  unsigned workers = 1;
  std::string name = "buskin";
  /// Not owned; null for the real clock, or for what the environment variable BUSKIN_CLOCK names:
  /// "real", or "jump" for a manual_clock that jumps (a program with hours of sleeps runs in no
  /// time).
  buskin::clock* clock = nullptr;
  /// Messages one actor handles before others have their turn.
  std::size_t max_throughput = 50;
  /// Whether a spawned task takes its first step inside the call that spawns it (asyncio's eager
  /// tasks) where `spawn_options::eager` does not say. Main tasks never do.
  bool eager_tasks = false;
  signal_handling signals = signal_handling::cancel_main;
  /// How long shutdown waits for tasks and actors to end before it kills them. Real time.
  std::chrono::milliseconds shutdown_timeout{10'000};
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

/// A task or actor as it stands.
struct actor_status {
  caf::actor_id id = 0;
  std::string name;
  std::optional<std::source_location> created;  ///< known for tasks
  std::optional<wait_record> waiting;           ///< what a suspended coroutine waits for
  bool busy = false;                            ///< it was running while we looked
  std::size_t queued = 0;                       ///< messages in its mailbox
};

/// "task "gps0" (17), started at gateway.cpp:40: waits for bytes to read for 2.000 s, at
/// device.cpp:70; 3 messages queued"
std::string to_string(const actor_status& status, time_point now);

/// What shutdown found.
struct shutdown_report {
  std::vector<actor_status> stragglers;  ///< alive at the deadline, and killed then
  std::vector<actor_status>
      abandoned;                  ///< did not end even so: busy in a handler that does not return
  std::vector<running_job> jobs;  ///< on threads of the runtime's executors; let go, they cannot be
                                  ///< ended from outside
  duration took{};
  time_point at{};
  bool clean() const noexcept { return stragglers.empty() && jobs.empty(); }
};

/// One line a straggler.
std::string to_string(const shutdown_report& report);

/// A callback that was asked for later. Dropping the handle does not cancel it.
class timer_handle {
 public:
  timer_handle() = default;
  /// True when this prevented the call.
  bool cancel() noexcept;

 private:
  friend class runtime;
  struct state;
  std::shared_ptr<state> state_;
};

/// Everything a program's actors run on.
///
/// One thread at a time drives it (run, run_until_complete, poll); several runtimes may live in
/// several threads.
class runtime {
 public:
  explicit runtime(runtime_options options = {});
  /// Shuts down, if that was not done.
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  // -- running ----------------------------------------------------------------------------------

  /// Runs `main` to its end, shuts everything down, and returns or throws what `main` did. Throws
  /// invalid_state, and `main` does not run, in a thread that drives a runtime already and after a
  /// shutdown.
  template <class T>
  T run(task<T> main, std::source_location where = std::source_location::current()) {
    auto actor = start_main(std::move(main), where);
    drive_main(*actor);
    finish_main(*actor);
    return actor->template result<true>();
  }

  /// Runs until `main` has ended; everything else stays as it is.
  template <class T>
  T run_until_complete(task<T> main, std::source_location where = std::source_location::current()) {
    auto actor = start_main(std::move(main), where);
    drive_main(*actor);
    return actor->template result<true>();
  }

  /// Does what can be done now without waiting, and returns whether anything was. Endless work is
  /// cut off after `rounds`.
  bool poll(std::size_t rounds = 10'000);

  /// Resumes one actor, in the order of the run queue. False when none is ready.
  bool step();

  /// Ends everything, in this order: acceptors; the supervisors, each its children in reverse
  /// order; all other tasks and actors; the executors, whose jobs still run. Whoever is alive at
  /// the deadline is named in the report and killed; a job that still runs then is named and let
  /// go. Done once; a second call returns the first report.
  const shutdown_report& shutdown();

  // -- callbacks --------------------------------------------------------------------------------

  // What they throw is reported (BK003) with the place that asked for the call.

  /// Calls `function` in a later turn of the first worker, first in first out. Any thread.
  void call_soon(std::function<void()> function,
                 std::source_location where = std::source_location::current());
  /// Calls `function` on the first worker after `delay` or at `when`. In a thread of this runtime.
  timer_handle call_later(duration delay, std::function<void()> function,
                          std::source_location where = std::source_location::current());
  timer_handle call_at(time_point when, std::function<void()> function,
                       std::source_location where = std::source_location::current());

  // -- executors and tasks ------------------------------------------------------------------------

  /// The pool that to_thread uses; made at the first call, with `options().default_executor`. Any
  /// thread. After a shutdown it refuses jobs, and if there was none yet invalid_state is thrown.
  thread_pool& default_executor();
  /// Replaces it, as asyncio's set_default_executor. The pool becomes the runtime's: it is shut
  /// down with it, and so is the one it replaces. Throws invalid_state after a shutdown.
  void set_default_executor(std::shared_ptr<thread_pool> pool);

  /// `factory` sees every task when it is created, in the thread that creates it, before its first
  /// step, and may rename it (asyncio's set_task_factory). What it throws comes out of the spawn,
  /// and the task never runs. Null removes it. Any thread. Without one a task costs nothing more.
  void set_task_factory(std::function<void(new_task&)> factory);

  // -- looking at it ----------------------------------------------------------------------------

  /// The runtime that drives this thread. Throws invalid_state when there is none.
  static runtime& current();

  caf::actor_system& system() noexcept;
  /// The loop of the first worker.
  asio::io_context& io() noexcept;
  time_point now() const noexcept;
  const runtime_options& options() const noexcept;

  /// All tasks and actors that are alive.
  std::vector<actor_status> all_tasks();
  std::size_t alive() const noexcept;

  /// Replaces the receiver of incidents; null restores the log.
  void set_exception_handler(std::function<void(const incident&)> handler);
  void report(const incident& what) noexcept;

  /// How often the first worker slept for want of work.
  std::uint64_t sleeps() const noexcept;

 private:
  struct impl;
  template <class T>
  lean_ref<detail::task_actor<T>> start_main(task<T> main, const std::source_location& where) {
    try {
      check_may_run();
    } catch (...) {
      main.dismiss();
      throw;
    }
    return detail::start_task(*this, std::move(main),
                              {.name = "main",
                               .phase = shutdown_phase::ordinary,
                               .home = nullptr,
                               .eager = false,
                               .context = main_context()},
                              where);
  }
  friend void detail::prepare_task(runtime& owner, detail::task_actor_base& actor,
                                   const std::optional<buskin::context>& given);
  /// To the task factory.
  void show(detail::task_actor_base& actor);
  /// What the main tasks set, one after the other.
  const context& main_context() const noexcept;
  void check_may_run() const;
  void drive_main(detail::task_actor_base& main);
  void finish_main(detail::task_actor_base& main);
  std::unique_ptr<impl> impl_;
};

namespace detail {

/// Tells the runtime that `system` belongs to; the log, if that runtime has ended.
void report_of(const caf::actor_system& system, const incident& what) noexcept;

}  // namespace detail

/// Runs a whole program: makes a runtime, runs `main`, shuts down.
template <class T>
T run(task<T> main, runtime_options options = {},
      std::source_location where = std::source_location::current()) {
  runtime owner(std::move(options));
  return owner.run(std::move(main), where);
}

}  // namespace buskin
