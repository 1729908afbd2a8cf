// Debug mode: looks for mistakes while the program runs, and reports each once.
//
// Outside of debug mode everything here costs a look at one flag. What is found, and its code, is
// told in docs/reference/incidents.md.
#pragma once

#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/timer_queue.hpp>
#include <buskin/runtime/runtime_options.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <source_location>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace caf {
class resumable;
}

namespace buskin {
class runtime;
struct await_tree;
}  // namespace buskin

namespace buskin::detail {

/// How many runtimes of this process are in debug mode.
extern constinit std::atomic<unsigned> debug_runtimes;
inline bool debugging() noexcept { return debug_runtimes.load(std::memory_order_relaxed) != 0; }

class watchdog {
 public:
  explicit watchdog(runtime& owner);
  ~watchdog();
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

  /// The one of the runtime that drives this thread, if it is in debug mode; else null.
  static watchdog* here() noexcept;

  /// Looks through all that is alive, if it is time to. By the thread that drives the first worker,
  /// between turns.
  void look_if_due();
  /// Its alarm rings no more.
  void rest() noexcept { alarm_.disarm(); }

  // -- any thread ---------------------------------------------------------------------------------
  void slow_turn(duration took, std::string who, const std::source_location& created,
                 const std::string& where);
  void lock_held(const lean_actor& task, const wait_record& wait, time_point now);
  /// `who` has `count` items that it has not dealt with.
  void backlog(const lean_actor& who, const char* of, std::size_t count);
  void queue_backlog(lean_actor& who, std::size_t count);

  const debug_limits& limits() const noexcept { return limits_; }
  time_point now() const noexcept;

 private:
  struct finding;
  void look(time_point now);
  void judge(finding& found, time_point now);
  void report_cycles(const await_tree& tree);
  /// True when `count` is the first above the limit.
  bool crosses(const lean_actor& who, std::size_t count);
  /// True the first time it is asked of this wait.
  bool first_time(std::unordered_map<std::uint64_t, time_point>& known, std::uint64_t id,
                  time_point since);

  runtime& owner_;
  const debug_limits limits_;
  const duration interval_;
  time_point next_look_;
  timer alarm_;  // lets a worker that sleeps wake for a look

  std::mutex mutex_;
  std::unordered_map<std::uint64_t, time_point> stalled_;  // reported; guarded by mutex_
  std::unordered_map<std::uint64_t, time_point> holding_;  // reported; guarded by mutex_
  std::unordered_set<std::uint64_t> grown_;                // above the limit; guarded by mutex_
  std::set<std::vector<std::uint64_t>> cycles_;            // reported; guarded by mutex_
};

/// Watches the length of one job of a worker.
class slow_watch {
 public:
  explicit slow_watch(caf::resumable& job) {
    if (debugging()) [[unlikely]]
      begin(job);
  }
  ~slow_watch() {
    if (dog_ != nullptr) [[unlikely]]
      end();
  }
  slow_watch(const slow_watch&) = delete;
  slow_watch& operator=(const slow_watch&) = delete;

 private:
  void begin(caf::resumable& job);
  void end() noexcept;

  watchdog* dog_ = nullptr;
  time_point began_{};
  std::string who_;
};

/// Watches one advance of a coroutine stack: its length, and locks held across the wait that ended.
class advance_watch {
 public:
  explicit advance_watch(coro_stack& stack) noexcept;
  ~advance_watch();
  advance_watch(const advance_watch&) = delete;
  advance_watch& operator=(const advance_watch&) = delete;

 private:
  coro_stack& stack_;
  watchdog* dog_;
  const wait* wait_;
  wait_record record_;
  time_point began_{};
};

/// To be told of how many messages `who` found in its mailbox (BK009).
inline void note_mailbox(const lean_actor& who, std::size_t count) {
  if (debugging()) [[unlikely]]
    if (auto* dog = watchdog::here(); dog != nullptr && count >= dog->limits().growth)
      dog->backlog(who, "mailbox", count);
}

/// To be told of how many items the queue behind `who` holds, whenever that changes (BK009). What
/// is found is reported in a turn of `who`: the caller may hold its lock.
inline void note_queue(lean_actor& who, std::size_t count) {
  if (debugging()) [[unlikely]]
    if (auto* dog = watchdog::here()) dog->queue_backlog(who, count);
}

/// Throws invalid_state in a thread that drives a runtime, where nobody may block (BK005).
void refuse_to_block(const char* operation);

/// Throws invalid_state, in debug mode, when something that belongs to the task of `owner` is used
/// elsewhere (BK006).
void refuse_foreign_use(const coro_stack* owner, const char* operation);
inline void check_own(const coro_stack* owner, const char* operation) {
  if (debugging()) [[unlikely]]
    if (detail::here.stack != owner) refuse_foreign_use(owner, operation);
}

}  // namespace buskin::detail
