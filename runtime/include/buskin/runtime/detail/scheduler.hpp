// The scheduler module that CAF loads: runs CAF's actors, ours and Asio's handlers on the same
// workers.
#pragma once

#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/detail/context_state.hpp>
#include <buskin/runtime/detail/dead_letter_office.hpp>
#include <buskin/runtime/detail/timer_queue.hpp>
#include <buskin/runtime/detail/worker.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <caf/actor_system.hpp>
#include <caf/detail/simple_actor_clock.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

namespace buskin {
class runtime;
class scheduling_order;
}  // namespace buskin

namespace buskin::detail {

struct scheduler_options {
  unsigned workers = 1;
  std::size_t max_throughput = 50;
  buskin::clock* clock = nullptr;
  buskin::runtime* owner = nullptr;
  scheduling_order* order = nullptr;  // null: first in, first out
  std::string name;                   ///< of the threads, which add their number
  duration timer_slack{};
};

/// CAF's clock on the timers of the first worker. CAF calls it from any thread.
class caf_clock final : public caf::detail::simple_actor_clock {
 public:
  using super = caf::detail::simple_actor_clock;
  explicit caf_clock(scheduler& owner);

  time_point now() const noexcept override;
  void set_ordinary_timeout(time_point due, caf::abstract_actor* self, caf::atom_value type,
                            uint64_t id) override;
  void set_multi_timeout(time_point due, caf::abstract_actor* self, caf::atom_value type,
                         uint64_t id) override;
  void set_request_timeout(time_point due, caf::abstract_actor* self, caf::message_id id) override;
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override;
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override;
  void cancel_timeouts(caf::abstract_actor* self) override;
  void schedule_message(time_point due, caf::strong_actor_ptr receiver,
                        caf::mailbox_element_ptr content) override;
  void schedule_message(time_point due, caf::group target, caf::strong_actor_ptr sender,
                        caf::message content) override;
  void cancel_all() override;

 private:
  struct alarm : timer {
    explicit alarm(caf_clock& c) : timer(&fire), clock(c) {}
    static void fire(timer& t) noexcept;
    caf_clock& clock;
  };

  /// A point in time that was reckoned from `now()`, on the exact clock.
  time_point from_now(time_point due) const noexcept;
  template <class F>
  void change(F modify);
  void arm();
  void ring() noexcept;

  scheduler& owner_;
  std::recursive_mutex mutex_;  // guards the base class. Never held while a timer is armed.
  std::atomic<std::size_t> entries_{0};  // how many timeouts there are, readable without the lock
  alarm alarm_;
};

class scheduler final : public caf::scheduler::abstract_coordinator {
 public:
  using super = caf::scheduler::abstract_coordinator;

  scheduler(caf::actor_system& system, const scheduler_options& options);
  ~scheduler() override;

  /// The scheduler of a system that a buskin::runtime owns.
  static scheduler& of(caf::actor_system& system) {
    return static_cast<scheduler&>(system.scheduler());
  }

  // -- CAF --------------------------------------------------------------------------------------
  void start() override;
  void stop() override;
  void init(caf::actor_system_config& config) override;
  void enqueue(caf::resumable* job) override;
  caf::actor_clock& clock() noexcept override { return clock_; }

  // -- workers ----------------------------------------------------------------------------------
  worker& first() noexcept { return *workers_.front(); }
  const std::vector<std::unique_ptr<worker>>& workers() const noexcept { return workers_; }
  buskin::clock& time() const noexcept { return *options_.clock; }
  bool threaded() const noexcept { return options_.workers > 1; }
  buskin::runtime& owner() const noexcept { return *options_.owner; }
  std::size_t throughput() const noexcept { return options_.max_throughput; }
  scheduling_order* order() const noexcept { return options_.order; }
  duration timer_slack() const noexcept { return options_.timer_slack; }

  /// Runs `function` on the given worker, soon. Any thread.
  void post(worker& where, std::function<void()> function);

  /// A worker has more than it can run at once: wakes one that sleeps.
  void work_available() noexcept;
  void note_idle(worker& w) noexcept;
  void note_busy(worker& w) noexcept;
  caf::resumable* steal_for(worker& thief) noexcept;
  bool anything_to_steal(const worker& thief) const noexcept;

  /// An actor that the whole runtime shares, made when it is first asked for; `key` is the address
  /// of something that is its maker's alone. It is let go when the runtime ends. Any thread.
  caf::strong_actor_ptr shared(const void* key, const std::function<caf::strong_actor_ptr()>& make);
  dead_letter_office& letters() noexcept { return letters_; }

  // -- what happens outside -----------------------------------------------------------------------

  /// Somebody waits for a job of another thread: until it has ended, a clock that jumps stands
  /// still.
  void hold_time() noexcept { outside_.fetch_add(1, std::memory_order_relaxed); }
  void release_time() noexcept { outside_.fetch_sub(1, std::memory_order_relaxed); }
  bool time_is_held() const noexcept { return outside_.load(std::memory_order_relaxed) != 0; }

  // -- the actors that are alive ------------------------------------------------------------------
  void remember(lean_actor& actor) noexcept;
  void forget(live_links& links, shutdown_phase phase) noexcept;
  /// One of CAF's own actors is about to run: from now on it is counted among the living.
  void notice(caf::resumable& job);
  /// Calls `visit` with every live actor. `visit` must not end or start actors.
  void for_each_alive(const std::function<void(caf::abstract_actor&)>& visit);
  std::size_t alive() const noexcept;
  std::size_t alive(shutdown_phase phase) const noexcept {
    return alive_[static_cast<std::size_t>(phase)].load(std::memory_order_acquire);
  }
  /// How many were ever remembered.
  std::uint64_t born() const noexcept { return born_.load(std::memory_order_acquire); }
  /// From now on the first worker is woken by every end.
  void await_ends() noexcept { ends_awaited_.store(true, std::memory_order_seq_cst); }

 private:
  void enter(live_links& list, live_links& links, shutdown_phase phase) noexcept;
  void lock_living() noexcept;
  void unlock_living() noexcept { living_lock_.clear(std::memory_order_release); }

  const scheduler_options options_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> idle_{0};  // a bit for each sleeping worker
  std::atomic<unsigned> round_robin_{0};
  std::atomic<std::size_t> outside_{0};
  caf_clock clock_;

  dead_letter_office letters_;
  std::mutex shared_mutex_;
  // Guarded by shared_mutex_.
  std::vector<std::pair<const void*, caf::strong_actor_ptr>> shared_;

  std::atomic_flag living_lock_;
  live_links living_;                                // ours, a circle; guarded by living_lock_
  live_links living_caf_;                            // CAF's own, a circle; guarded by living_lock_
  std::array<std::atomic<std::size_t>, 4> alive_{};  // by shutdown_phase
  std::atomic<std::uint64_t> born_{0};
  std::atomic<bool> ends_awaited_{
      false};  // partner of living_lock_: set before the look at the list that it is to end
};

/// Runs a function once, as a job of a worker. An exception it throws is reported (BK003) with the
/// place that asked for it. It runs with the local<T> values `locals`.
void post_function(worker& where, std::function<void()> function,
                   const std::source_location& asked = {}, bindings locals = bindings_here());

}  // namespace buskin::detail
