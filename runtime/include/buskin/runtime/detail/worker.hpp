// One thread's share of the runtime: an Asio loop, a run queue and the timers.
//
// A cooperative runtime has one worker, driven by the thread that calls run(). A threaded one has
// several: each keeps what is pinned to it, and an idle one takes from the others. What always
// holds: only the driving thread touches the io_context's handlers, the pinned queue and the newest
// slot; other threads submit.
#pragma once

#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/detail/ring.hpp>
#include <buskin/runtime/detail/spin.hpp>
#include <buskin/runtime/detail/steal_queue.hpp>
#include <buskin/runtime/detail/submission_queue.hpp>
#include <buskin/runtime/detail/timer_queue.hpp>

#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <vector>

namespace buskin {
class scheduling_order;
}

namespace buskin::detail {

class host_waker;
class scheduler;

class worker final : public caf::execution_unit {
 public:
  worker(scheduler& owner, unsigned index);
  ~worker() override;

  // -- the driving thread -----------------------------------------------------------------------

  /// CAF's name for push.
  void exec_later(caf::resumable* job) override { push(job); }
  /// Queues an actor that any worker may run.
  void push(caf::resumable* job);
  /// Queues an actor that only this worker may run.
  void push_pinned(caf::resumable* job) { (threaded_ ? pinned_ : ready_).push(job); }

  /// One round: messages, timers, I/O. With `may_block` it sleeps when there is nothing to do.
  /// False when there was nothing.
  bool round(bool may_block);
  /// Resumes the single job that is next. False when there is none.
  bool step();
  /// Releases what is still queued, without running it. Nothing more may come.
  void drop_jobs();

  asio::io_context& io() noexcept { return io_; }
  timer_queue& timers() noexcept { return timers_; }
  /// The present, as of the last look; there is one at least after each sleep and each time slice.
  time_point coarse_now() noexcept { return stale_ ? look() : now_; }

  /// From here on `host` is rung as well as the worker is woken. Not while others use the worker
  /// for the first time; `host` outlives the worker.
  void set_host(host_waker& host) noexcept { host_.store(&host, std::memory_order_release); }
  /// Whether there is something that needs no I/O and no time.
  bool anything_to_do() const noexcept { return queued() != 0 || !submissions_.empty(); }

  // -- any thread -------------------------------------------------------------------------------

  /// Queues an actor for this worker and wakes it.
  void submit(caf::resumable* job);
  /// Ends a sleep, or the next one if it does not sleep now: what was changed before is seen.
  void wake() noexcept;
  /// Takes the oldest job that others may run.
  caf::resumable* steal() { return movable_.steal(); }
  bool has_stealable() const noexcept { return !movable_.empty(); }

  /// Looks at the clock.
  time_point look() noexcept;

  unsigned index() const noexcept { return index_; }
  /// No other worker of this process has it, or had it.
  std::uint64_t number() const noexcept { return number_; }
  scheduler& owner() noexcept { return owner_; }
  std::size_t queued() const noexcept {
    return ready_.size() + pinned_.size() + movable_.size() + (newest_ ? 1U : 0U);
  }

  /// How often it slept; for tests of "an idle program uses no CPU".
  std::uint64_t sleeps() const noexcept { return sleeps_.load(std::memory_order_relaxed); }

 private:
  caf::resumable* next_job();
  caf::resumable* take_in_order();
  void show_newest();
  void run(caf::resumable* job);
  std::size_t run_messages();
  std::size_t run_in_order();
  void take_submissions();
  std::size_t run_io(std::size_t limit);
  void sleep();
  void arm_alarm();

  scheduler& owner_;
  const unsigned index_;
  const std::uint64_t number_;
  const bool threaded_;
  scheduling_order* const order_;  // cooperative: who is next; null for first in, first out
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  timer_queue timers_;
  time_point now_;
  time_point last_io_;  // steady time; of the last look before I/O was served
  bool stale_ = false;  // slept since the last look
  unsigned look_every_ = 16;

  ring<caf::resumable> ready_;           // cooperative: everything, in order
  ring<caf::resumable> pinned_;          // threaded: what only this worker runs
  steal_queue<caf::resumable> movable_;  // threaded: what others may take
  caf::resumable* newest_ =
      nullptr;  // threaded: the youngest movable job, not yet shown to thieves
  bool prefer_pinned_ = false;

  submission_queue<caf::resumable*> submissions_;
  std::vector<caf::resumable*> incoming_;
  std::atomic<bool> sleeping_{false};  // partner of submissions_: set before the last look at it
  std::atomic<host_waker*> host_{nullptr};
  std::atomic<bool> woken_{false};  // a wake-up that no sleep has used yet
  std::atomic<std::uint64_t> sleeps_{0};
  short_wait before_sleep_;  // for a job of another thread

  asio::steady_timer alarm_{io_};
  time_point alarm_at_ = time_point::max();  // max: not armed
  time_point fired_at_{};                    // when timers fired last
};

}  // namespace buskin::detail
