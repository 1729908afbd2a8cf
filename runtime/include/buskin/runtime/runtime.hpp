// The runtime: CAF's actor system, Asio's loop and the clock in one object, and `run` for the whole
// program.
#pragma once

#include <buskin/runtime/actor_status.hpp>
#include <buskin/runtime/await_tree.hpp>
#include <buskin/runtime/background.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/context.hpp>
#include <buskin/runtime/detail/await_result.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/incident.hpp>
#include <buskin/runtime/new_task.hpp>
#include <buskin/runtime/periodic.hpp>
#include <buskin/runtime/runtime_options.hpp>
#include <buskin/runtime/scheduling_order.hpp>
#include <buskin/runtime/shutdown_report.hpp>
#include <buskin/runtime/submitted.hpp>
#include <buskin/runtime/task.hpp>
#include <buskin/runtime/thread_pool.hpp>
#include <buskin/runtime/timer_handle.hpp>

#include <caf/actor_system_config.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace asio {
class io_context;
}

namespace buskin {

namespace detail {
class watchdog;
}

/// Everything a program's actors run on.
///
/// One thread at a time drives it (run, run_until_complete, run_forever, poll, a background); a
/// second one is refused, and so is a second runtime in a thread that drives one. Several runtimes
/// may live in several threads.
class runtime {
 public:
  explicit runtime(runtime_options options = {});
  /// Shuts down, if that was not done. Nobody may drive it.
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  // -- running ----------------------------------------------------------------------------------

  /// Runs `main` to its end, shuts everything down, and returns or throws what `main` did. Throws
  /// invalid_state, and `main` does not run, in a thread that drives a runtime already and after a
  /// shutdown; also when `stop` was called before `main` ended.
  template <class T>
  T run(task<T> main, std::source_location where = std::source_location::current()) {
    auto actor = start_main(std::move(main), where);
    drive_main(*actor);
    finish_main(*actor);
    return actor->template result<true>();
  }

  /// Runs until `main` has ended; everything else stays as it is. Throws invalid_state when `stop`
  /// was called before; then `main` stays as well, and goes on in the next run.
  template <class T>
  T run_until_complete(task<T> main, std::source_location where = std::source_location::current()) {
    auto actor = start_main(std::move(main), where);
    drive_main(*actor);
    if (!actor->done()) throw_stopped(*actor);
    return actor->template result<true>();
  }

  /// The same for whatever else can be awaited: the handle of a task, say.
  template <detail::other_awaitable A>
  auto run(A main, std::source_location where = std::source_location::current()) {
    return run(detail::await_in_task(std::move(main)), where);
  }
  template <detail::other_awaitable A>
  auto run_until_complete(A main, std::source_location where = std::source_location::current()) {
    return run_until_complete(detail::await_in_task(std::move(main)), where);
  }

  /// Runs until `stop`, as asyncio's. With `signal_handling::cancel_main` the first SIGINT or
  /// SIGTERM stops it. Returns that signal's number; 0 when it was stopped otherwise.
  int run_forever();

  /// Ends the run: what is ready in the present round is still done, what that asks for is not.
  /// When nobody runs, the next run ends after one round. Any thread.
  void stop() noexcept;

  /// Drives this runtime in a thread of its own until the object is stopped or gone.
  background run_in_background() { return background(*this); }

  /// Does what can be done now without waiting, and returns whether anything was. Endless work is
  /// cut off after `rounds`.
  bool poll(std::size_t rounds = 10'000);

  /// Runs for `length` of the runtime's time, or until `stop`: does what there is to do, and sleeps
  /// in between.
  void poll_for(duration length);

  /// Resumes one actor, in the order of the run queue. False when none is ready.
  bool step();

  /// Ends everything, in this order: acceptors; the supervisors, each its children in reverse
  /// order; all other tasks and actors; the executors, whose jobs still run. Whoever is alive at
  /// the deadline is named in the report and killed; a job that still runs then is named and let
  /// go. Done once; a second call returns the first report. Throws invalid_state while somebody
  /// drives the runtime. Afterwards tasks, callbacks and signal handlers are refused.
  const shutdown_report& shutdown();

  // -- in a host's loop --------------------------------------------------------------------------

  /// `hook` is called when nobody drives the runtime and there is something to do for `poll`: a
  /// task became ready, a timer is due, a descriptor is readable. From any thread, once until the
  /// next poll; it must not block or throw, and need only wake the host's loop (`Fl::awake`,
  /// `PostMessage`). Null for none; then no call is under way any more. Descriptors and timers are
  /// watched by a thread, which exists from the first poll with a hook on (on Linux; elsewhere it
  /// sees timers only).
  void set_wake_hook(std::function<void()> hook);

  /// When the next timer is due, for a host that arms its own. None while there is no timer. By the
  /// thread that polls.
  std::optional<time_point> next_deadline() const;

  // -- work for it, from any thread ---------------------------------------------------------------

  // Callbacks run on the first worker, whose thread is the one that drives the runtime. What they
  // throw is reported (BK003) with the place that asked for the call. After a shutdown they are
  // refused: invalid_state.

  /// Calls `function` in a later turn, first in first out. One that makes a task is refused by the
  /// compiler: `spawn` or `submit` that.
  template <detail::callback F>
  timer_handle call_soon(F function, std::source_location where = std::source_location::current()) {
    return post(std::function<void()>(std::move(function)), where);
  }
  /// The same, by asyncio's name: here `call_soon` may be called from any thread as well.
  template <detail::callback F>
  timer_handle call_soon_threadsafe(F function,
                                    std::source_location where = std::source_location::current()) {
    return post(std::function<void()>(std::move(function)), where);
  }
  /// Calls `function` after `delay` or at `when`: not before, in the order of due times.
  template <detail::callback F>
  timer_handle call_later(duration delay, F function,
                          std::source_location where = std::source_location::current()) {
    return post_at(after(now(), delay), std::function<void()>(std::move(function)), where);
  }
  template <detail::callback F>
  timer_handle call_at(time_point when, F function,
                       std::source_location where = std::source_location::current()) {
    return post_at(when, std::function<void()>(std::move(function)), where);
  }

  /// Calls `function` every `period`, or starts the task that it makes and waits for its end. Ticks
  /// lie on a grid and never overlap: those whose time passed meanwhile (a task that took long, a
  /// process that was stopped) are left out. What a tick throws is reported (BK003), and the ticks
  /// go on. Throws std::invalid_argument for a period that is not positive.
  template <class F>
  requires detail::callback<F> || detail::task_factory<F> periodic
  every(duration period, F function, periodic_options options = {},
        std::source_location where = std::source_location::current()) {
    detail::tick what;
    if constexpr (detail::callback<F>)
      what.call = std::move(function);
    else
      what.begin = std::move(function);
    return start_periodic(period, std::move(what), std::move(options), where);
  }

  /// Starts `body` as a task of its own, and tells the calling thread of its end. After a shutdown
  /// it throws invalid_state and reports BK010.
  template <class T>
  submitted<T> submit(task<T> body, std::string name = {},
                      std::source_location where = std::source_location::current()) {
    try {
      return submitted<T>(detail::start_task(*this, std::move(body), {std::move(name)}, where));
    } catch (...) {
      report_not_started(where);
      throw;
    }
  }

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

  // -- signals ------------------------------------------------------------------------------------

  /// From here on `function` is called, as by call_soon, for each signal `number` of the operating
  /// system, and nothing else happens for it; replaces the handler it had. Refuses as `signals`
  /// does. Any thread.
  template <detail::callback F>
  void add_signal_handler(int number, F function,
                          std::source_location where = std::source_location::current()) {
    handle_signal(number, std::function<void()>(std::move(function)), where);
  }
  /// Restores the default action. False when there was no handler. Any thread.
  bool remove_signal_handler(int number);

  // -- looking at it ----------------------------------------------------------------------------

  /// The runtime that drives this thread. Throws invalid_state when there is none.
  static runtime& current();

  caf::actor_system& system() noexcept;
  /// The loop of the first worker.
  asio::io_context& io() noexcept;
  time_point now() const noexcept;
  const runtime_options& options() const noexcept;

  /// Debug mode: `runtime_options::debug`, BUSKIN_DEBUG=1, or what was set here. Any thread.
  bool debug() const noexcept;
  void set_debug(bool on);

  /// All tasks and actors that are alive. Any thread.
  std::vector<actor_status> all_tasks();
  /// Who awaits whom. Any thread.
  await_tree capture_await_tree();
  std::size_t alive() const noexcept;

  /// Replaces the receiver of incidents; null restores the log.
  void set_exception_handler(std::function<void(const incident&)> handler);
  void report(const incident& what) noexcept;

  /// How often the first worker slept for want of work.
  std::uint64_t sleeps() const noexcept;

 private:
  friend class background;
  friend class detail::watchdog;
  friend bool detail::closed(const runtime& owner) noexcept;
  friend void detail::throw_closed(const runtime& owner);
  struct impl;
  class driving;
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
  void check_open(const char* operation) const;
  void drive_main(detail::task_actor_base& main);
  void finish_main(detail::task_actor_base& main);
  [[noreturn]] void throw_stopped(detail::task_actor_base& main);
  timer_handle post(std::function<void()> function, const std::source_location& where);
  timer_handle post_at(time_point when, std::function<void()> function,
                       const std::source_location& where);
  periodic start_periodic(duration period, detail::tick what, periodic_options options,
                          const std::source_location& where);
  void report_not_started(const std::source_location& where) noexcept;
  void forget_signal_handlers() noexcept;
  void handle_signal(int number, std::function<void()> function, const std::source_location& where);
  std::unique_ptr<impl> impl_;
};

namespace detail {

/// Tells the runtime that `system` belongs to; the log, if that runtime has ended.
void report_of(const caf::actor_system& system, const incident& what) noexcept;

}  // namespace detail

namespace detail {

/// `result`, or `forced_exit_status` instead of a 0 that a shutdown does not deserve.
int exit_status(runtime& owner, int result);

}  // namespace detail

/// Runs a whole program: makes a runtime, runs `main`, shuts down. An int that `main` yields is
/// taken for the program's exit status: see runtime_options::forced_exit_status.
template <class T>
T run(task<T> main, runtime_options options = {},
      std::source_location where = std::source_location::current()) {
  runtime owner(std::move(options));
  if constexpr (std::is_same_v<T, int>)
    return detail::exit_status(owner, owner.run(std::move(main), where));
  else
    return owner.run(std::move(main), where);
}

}  // namespace buskin
