// What the sources of class runtime share.
#pragma once

#include <buskin/runtime/detail/executor_set.hpp>
#include <buskin/runtime/detail/host_waker.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/detail/watchdog.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/actor_system.hpp>

#include <asio/steady_timer.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace buskin {

namespace detail {

class signal_source;

/// The status of an actor, and whom it awaits (ids; several times the same, maybe).
actor_status status_of(caf::abstract_actor& actor, std::vector<std::uint64_t>* awaits = nullptr,
                       std::vector<std::uint64_t>* locks_held = nullptr);

}  // namespace detail

/// A callback that is made soon, or at a point in time.
///
/// Until then its worker's line, or itself while it is armed, keeps it alive. Its timer is touched
/// by threads that may touch the first worker's timers only, others ask that worker to. What always
/// holds: whoever sets `claimed` calls the function or releases it.
struct timer_handle::state : std::enable_shared_from_this<timer_handle::state> {
  struct alarm : detail::timer {
    explicit alarm(state& s) : timer(&fire), owner(s) {}
    static void fire(detail::timer& t) noexcept { static_cast<alarm&>(t).owner.due(); }
    state& owner;
  };

  enum class kind { soon, timed };

  state(kind how, detail::worker& w, time_point at, std::function<void()> f,
        const std::source_location& asked)
      : timed(how == kind::timed),
        where(w),
        when(at),
        function(std::move(f)),
        asked_at(asked),
        timer(*this) {}

  /// Whether this thread may touch the first worker's timers.
  bool in_reach() const noexcept;
  void arm();
  void due() noexcept;
  /// Gets in the worker's line.
  void post(std::shared_ptr<state> self);
  /// True when this prevented the call.
  bool cancel() noexcept;
  /// The same, when nobody runs the worker any more.
  void drop() noexcept;

  const bool timed;  // else it was in the line from the beginning
  detail::worker& where;
  const time_point when;
  std::function<void()> function;  // belongs to whoever set `claimed`
  std::source_location asked_at;
  detail::bindings locals = detail::bindings_here();
  std::atomic<bool> claimed{false};  // called or cancelled
  alarm timer;
  std::shared_ptr<state> alive;  // itself, while armed; guarded as the timer is
};

struct runtime::impl {
  impl(runtime& self, runtime_options given);
  ~impl();

  detail::scheduler& scheduler() const { return detail::scheduler::of(*system); }
  detail::worker& first() const { return scheduler().first(); }

  /// Keeps track of a callback, so that none is left when the runtime ends.
  void remember(const std::shared_ptr<timer_handle::state>& callback);
  void forget_callbacks();

  bool round(bool may_block) {
    const bool any = first().round(may_block);
    if (detail::debugging()) [[unlikely]]
      if (auto* dog = watching.load(std::memory_order_acquire)) dog->look_if_due();
    return any;
  }
  /// Drives the first worker until `finished`.
  template <class F>
  void drive_until(F finished) {
    while (!finished()) round(true);
  }
  /// Whether `stop` was called; asked once.
  bool take_stop() noexcept {
    return stopping.load(std::memory_order_relaxed) &&
           stopping.exchange(false, std::memory_order_acq_rel);
  }

  /// Drives until `finished` or the point in (real) time. True when finished.
  bool drive_until(const std::function<bool()>& finished,
                   std::chrono::steady_clock::time_point deadline);
  /// One phase of the shutdown: asks all actors of a kind (null: of every kind) to end, also those
  /// that are started meanwhile, and waits for them.
  bool end_phase(const char* name, std::optional<shutdown_phase> kind,
                 std::chrono::steady_clock::time_point deadline);

  /// Drives until stop().
  void drive_until_stopped() {
    // Was it stopped before it began, callbacks get in line in one round and are made in the next.
    if (stopping.load(std::memory_order_acquire)) round(false);
    do {
      round(!stopping.load(std::memory_order_acquire));
    } while (!take_stop());
  }

  runtime& owner;
  std::unique_ptr<clock> own_clock;  // null when the options name one
  runtime_options options;
  const context main_context = context::copy_current();
  detail::executor_set executors{options};
  std::unique_ptr<caf::actor_system_config> config;
  // Outlives the system: its threads may ring until they have ended.
  std::unique_ptr<detail::host_waker> host;  // null until a hook was set; then for good
  std::unique_ptr<caf::actor_system> system;
  std::size_t watch = 0;
  std::optional<shutdown_report> report;
  int signal = 0;                     // the one that cancelled the main task
  std::atomic<bool> driven{false};    // some thread drives the first worker
  std::atomic<bool> stopping{false};  // asked by stop(), until a run has ended because of it
  std::atomic<bool> closed{false};    // was shut down
  std::mutex handler_mutex;
  std::function<void(const incident&)> handler;               // guarded by handler_mutex
  std::function<void(new_task&)> factory;                     // guarded by handler_mutex
  std::atomic<bool> has_factory{false};                       // whether there is one
  std::vector<std::weak_ptr<timer_handle::state>> callbacks;  // guarded by handler_mutex
  std::size_t callbacks_worth_a_look = 64;                    // guarded by handler_mutex
  std::map<int, std::shared_ptr<detail::signal_source>>
      signal_handlers;  // guarded by handler_mutex
  /// Ends CAF's system, and the workers with it.
  void end_system();

  std::unique_ptr<detail::watchdog> own_dog;         // made once; guarded by handler_mutex
  std::atomic<detail::watchdog*> watching{nullptr};  // the same while in debug mode
};

/// Marks this thread as driving the runtime's first worker for the length of a scope.
class runtime::driving {
 public:
  enum class nesting { refused, in_another_runtime };

  explicit driving(runtime::impl& what, nesting permitted = nesting::refused);
  ~driving();
  driving(const driving&) = delete;
  driving& operator=(const driving&) = delete;

 private:
  runtime::impl& what_;
  detail::running outer_;
};

}  // namespace buskin
