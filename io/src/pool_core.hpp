// What the copies of a process_pool share.
//
// The places for workers are the items of a queue, whose getters are the jobs in line: so the order
// and a withdrawn wait are the queue's. What always holds: who has a place has a worker, or starts
// one, or is about to take an idle one; so there are never more workers than places, but for those
// that were told to end.
#pragma once

#include <buskin/actors/event.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/io/detail/pool_job.hpp>
#include <buskin/io/process_pool_options.hpp>

#include "pool_worker.hpp"

#include <caf/unit.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace buskin::io::detail {

class pool_core : public std::enable_shared_from_this<pool_core> {
 public:
  /// Throws std::invalid_argument.
  explicit pool_core(process_pool_options options);
  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  const process_pool_options& options() const noexcept { return options_; }

  // -- jobs -------------------------------------------------------------------------------------

  /// Throws executor_shutdown, executor_full.
  void admit();
  void leave() noexcept;
  task<void> work_on(std::shared_ptr<pool_job> job);
  /// Starts a worker that has no job yet, if one is missing.
  task<void> start_idle();

  // -- the end ----------------------------------------------------------------------------------

  void close(queued_jobs queued);
  task<void> ended(std::chrono::milliseconds limit);
  bool closed() const;

  // -- looking at it ----------------------------------------------------------------------------

  std::vector<int> pids() const;
  std::size_t workers() const;
  std::size_t idle() const;
  std::size_t in_line() const { return places_.getter_count(); }

 private:
  using worker_ptr = std::shared_ptr<pool_worker>;
  class place;
  class starting;

  /// Yields when a worker may be taken. Throws executor_shutdown.
  task<void> next_place();
  /// The one that had work last; none when a new one has to be started.
  worker_ptr take_idle();
  starting start_one();
  std::optional<starting> start_one_if_missing();
  task<worker_ptr> start_worker(starting one);
  void give_back(worker_ptr which);
  void retire(std::vector<worker_ptr> which);
  void kill_all();
  [[noreturn]] void throw_died(const pool_worker& which, const exit_status& how,
                               const std::string& when) const;
  /// Under the mutex.
  std::size_t living() const;
  static task<void> watch(std::weak_ptr<pool_core> core, std::weak_ptr<pool_worker> which,
                          process child);
  void worker_ended(const pool_worker& which) noexcept;

  const process_pool_options options_;
  const queue<caf::unit_t> places_;
  const event drained_;  // closed, and no job is left
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::vector<worker_ptr> idle_;
  std::vector<std::weak_ptr<pool_worker>> known_;  // workers that can be used
  std::vector<process> retired_;                   // told to end
  std::size_t starting_ = 0;
  std::size_t admitted_ = 0;
  bool closed_ = false;
  bool killing_ = false;  // whoever is late, also one that is just being started
};

}  // namespace buskin::io::detail
