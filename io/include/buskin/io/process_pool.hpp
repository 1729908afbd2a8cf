// Worker processes for functions that compute for long, may crash, or leak. Python's
// ProcessPoolExecutor.
//
// What always holds: a worker is a process of this same program, started anew (never a fork of one
// with threads); it has one job at a time; it ends when the pool or the program does, however that
// ends; and each job that was taken ends with a result or a failure.
#pragma once

#include <buskin/io/detail/pool_job.hpp>
#include <buskin/io/process_pool_options.hpp>
#include <buskin/io/worker_died.hpp>
#include <buskin/runtime/task.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace buskin::io {

namespace detail {

class pool_core;

/// Has a worker do it. Throws what the job failed with.
task<void> carry_out(std::shared_ptr<pool_core> core, std::shared_ptr<pool_job> job);

}  // namespace detail

/// A pool; copies of this object are the same one. Any thread of its runtime.
///
///     int main() {
///       buskin::process_pool::work_if_worker();  // first of all
///       return buskin::run(co_main());
///     }
///     …
///     buskin::process_pool pool({.workers = 4});
///     const double sum = co_await pool.run<sum_of>(std::move(numbers));
class process_pool {
 public:
  /// The program's main function calls this first. In the program itself it returns at once; in a
  /// process that a pool has started it does the pool's jobs and then exits.
  static void work_if_worker();

  /// Starts no worker yet. Inside a running runtime. Throws invalid_state when this program's main
  /// did not call `work_if_worker`, std::invalid_argument for options that make no sense.
  explicit process_pool(process_pool_options options = {});

  /// Runs `Function(args...)` in a worker and yields what it returns. The worker that had work last
  /// is taken first; when all have work the job waits in line, first come first served.
  ///
  /// `Function` is a plain function, or a lambda without captures after a "+"; if it returns a task
  /// that runs in a runtime of its own. Its parameters, by value or const reference, and its result
  /// are what can travel: numbers, enums, strings, durations, whatever has CAF's `inspect`, and
  /// containers, tuples, optionals and variants of those. Anything else does not compile.
  ///
  /// Cancellation: of a job in line takes it out; of one that runs kills its worker, with what that
  /// has started, and ends when it is gone.
  /// Fails with remote_error, which has the type and the text of what the function threw;
  /// worker_died; executor_full and executor_shutdown; std::system_error when no process can be
  /// started; timeout_error when one was, and did not ask for work in time.
  template <auto Function, class... Args>
  auto run(Args&&... args) const
      -> task<typename detail::job_shape<std::decay_t<decltype(Function)>>::result> {
    using shape = detail::job_shape<std::decay_t<decltype(Function)>>;
    static_assert(shape::is_function,
                  "a process_pool runs plain functions: process_pool::run<function>(arguments...); "
                  "a lambda has to have no captures, and a \"+\" before it");
    static_assert(shape::takes_values,
                  "a function for a process_pool takes its arguments by value or by const "
                  "reference: what it changes is in another process");
    static_assert(shape::arguments_travel,
                  "a parameter of this function cannot travel to another process: it is, or has "
                  "in it, a pointer, a view, an actor, or a type without a default constructor or "
                  "without CAF's inspect");
    static_assert(shape::result_travels,
                  "the result of this function cannot travel to another process: it is, or has in "
                  "it, a reference, a pointer, a view, an actor, or a type without a default "
                  "constructor or without CAF's inspect");
    static_assert(shape::template takes<Args...>,
                  "this is not what the function is called with: another number of arguments, or "
                  "one that does not convert");
    using job = detail::job_of<Function>;
    return run_job<job>(core_, typename shape::arguments(std::forward<Args>(args)...));
  }

  /// Starts all workers that are not there, so that the first jobs need not wait for that. Fails as
  /// `run` does. Cancellation: ends those that have not asked for work yet.
  task<void> warm_up() const;

  // -- the end ----------------------------------------------------------------------------------

  /// Takes no more jobs. Those that run, and those in line unless they are cancelled (they fail
  /// with executor_shutdown), are still done; then the workers end. May be called again.
  void close(queued_jobs queued = queued_jobs::run) const;
  /// The same, and waits until the last worker has ended. Jobs that run after `limit`, in real
  /// time, fail with executor_shutdown, and their workers are killed. Cancellation: of the wait,
  /// and of the limit.
  task<void> shutdown(std::chrono::milliseconds limit = process_pool_options::forever,
                      queued_jobs queued = queued_jobs::run) const;
  bool closed() const;

  // -- looking at it ----------------------------------------------------------------------------

  std::size_t limit() const noexcept;  ///< how many workers there can be
  /// Worker processes there are, the idle ones among them, and their process numbers.
  std::size_t workers() const;
  std::size_t idle_workers() const;
  std::vector<int> pids() const;
  /// Jobs that wait for a worker, and those beyond the capacity, which wait for room.
  std::size_t queued_count() const;
  std::size_t waiting_count() const;

  /// "process pool, 2 workers (1 idle) of 4, 3 jobs in line".
  friend std::string to_string(const process_pool& pool);

 private:
  template <class Job>
  static task<typename Job::result> run_job(std::shared_ptr<detail::pool_core> core,
                                            typename Job::shape::arguments values) {
    Job::name();
    const auto job = std::make_shared<Job>(std::move(values));
    co_await detail::carry_out(std::move(core), job);
    co_return job->take();
  }

  std::shared_ptr<detail::pool_core> core_;
};

std::string to_string(const process_pool& pool);

}  // namespace buskin::io

namespace buskin {
using io::process_pool;
using io::process_pool_options;
}  // namespace buskin
