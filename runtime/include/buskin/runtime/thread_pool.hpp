// Threads for work that blocks or computes for long.
#pragma once

#include <buskin/runtime/executor.hpp>
#include <buskin/runtime/job.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

namespace buskin {

namespace detail {
class executor_set;
}

/// What becomes of a job that finds a pool full.
enum class when_full {
  /// It waits for room, first come first served: a task suspended, a caller of `execute` blocked.
  wait,
  refuse  ///< executor_full at once
};

/// What a shutdown does with jobs that have not begun.
enum class queued_jobs {
  run,    ///< they run before the threads end
  cancel  ///< they are refused with executor_shutdown
};

struct thread_pool_options {
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
  static constexpr std::chrono::milliseconds forever = std::chrono::milliseconds::max();

  /// The threads are called NAME-0, NAME-1, …; the operating system keeps 15 characters of it.
  std::string name = "pool";
  /// At most so many threads, each started when there is work for it; 0 for as many as Python
  /// takes: the number of processors and 4 more, 32 at most.
  std::size_t threads = 0;
  /// How many jobs may wait for a thread.
  std::size_t capacity = unlimited;
  when_full full = when_full::wait;
  /// A thread that had nothing to do for so long ends. Real time.
  std::chrono::milliseconds idle_time{10'000};
  /// Runs first in each thread. If it throws, the pool is broken: all its jobs are refused.
  std::function<void()> on_thread_start;
};

/// A job that a thread of a pool has under way.
struct running_job {
  std::string pool;
  std::string thread;
  std::source_location where;  ///< where it was asked for
  std::chrono::steady_clock::time_point since;
};

/// "a job of thread "files-2", asked for at main.cpp:12: has run for 3.200 s"
std::string to_string(const running_job& job, std::chrono::steady_clock::time_point now);

/// A bounded number of threads and the jobs that wait for them. An `executor`; knows nothing of
/// runtimes and may be used without one, from any thread.
///
/// The pool owns its jobs and its threads: it is shut down, and ends, before it is gone.
class thread_pool {
 public:
  explicit thread_pool(thread_pool_options options = {});
  /// Shuts down, if that was not done, lets the jobs it has run, and blocks until its threads have
  /// ended.
  ~thread_pool();
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  /// Hands a job over. In a full pool it blocks this thread until there is room (when_full::wait:
  /// not for tasks, which await `run_on`), or throws executor_full. After a shutdown it throws
  /// executor_shutdown; if not even one thread can be started, std::system_error.
  void execute(job work);
  /// The same without waiting. False, and the job was not taken, when the pool is full.
  bool try_execute(job work);
  /// The same for a job that somebody awaits: in a full pool the job waits in line, not the caller.
  void enqueue(job work);

  /// Takes no more jobs from now on. Returns at once; may be called again, and `cancel` then
  /// refuses what an earlier `run` left. `reason` is part of what the refused are told.
  void shutdown(queued_jobs queued = queued_jobs::run, const std::string& reason = {});
  /// Blocks until a pool that was shut down has no thread any more. Not in one of its threads
  /// (invalid_state).
  void join();
  /// The same for `limit` at most. False when threads are left.
  bool join_for(std::chrono::milliseconds limit);

  const thread_pool_options& options() const noexcept;
  /// Threads there are, and those among them that wait for work.
  std::size_t threads() const;
  std::size_t idle_threads() const;
  /// Jobs that wait for a thread, and those that wait for room.
  std::size_t queued_count() const;
  std::size_t waiting_count() const;
  bool is_shut_down() const;
  /// What runs at the moment.
  std::vector<running_job> running() const;

  /// As many threads as Python's pools have by default.
  static std::size_t default_threads() noexcept;

 private:
  friend class detail::executor_set;
  class core;
  /// Calls `told` from the last thread when all have ended; null takes it back.
  void on_ended(std::function<void()> told);
  /// Lets threads go that do not end. For a runtime that has to end without them; it names them.
  void abandon();

  std::shared_ptr<core> core_;  // the threads keep it as well
};

static_assert(executor<thread_pool>);

}  // namespace buskin
