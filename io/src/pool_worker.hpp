// A worker process as its pool sees it.
//
// What always holds: who makes one owns it; when it goes in the middle of a job, the process is
// killed; between jobs, it is told to end.
#pragma once

#include <buskin/io/detail/pool_job.hpp>
#include <buskin/io/process.hpp>
#include <buskin/io/process_pool_options.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/detail/worker_ref.hpp>
#include <buskin/runtime/task.hpp>

#include "pool_frames.hpp"

#include <asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace buskin::io::detail {

/// Calls a function, on the worker that it was made on, unless it goes before. The system's time,
/// whatever clock the runtime has: other processes live by that.
class real_alarm {
 public:
  real_alarm(std::chrono::milliseconds length, std::function<void()> then);
  ~real_alarm();
  real_alarm(const real_alarm&) = delete;
  real_alarm& operator=(const real_alarm&) = delete;

 private:
  buskin::detail::worker_ref home_;
  std::shared_ptr<asio::steady_timer> timer_;  // used at home only
};

class pool_worker {
 public:
  /// Starts a process. Fails with std::system_error. Cancellation: leaves none.
  static task<std::shared_ptr<pool_worker>> start(const process_pool_options& options);

  pool_worker(process child, stream bytes, std::string name) noexcept;
  ~pool_worker();
  pool_worker(const pool_worker&) = delete;
  pool_worker& operator=(const pool_worker&) = delete;

  const process& child() const noexcept { return child_; }
  /// "worker 1234 of process pool".
  const std::string& name() const noexcept { return name_; }
  /// It waits for a job.
  bool between_jobs() const noexcept { return !busy_; }
  std::size_t jobs_done() const noexcept { return jobs_done_; }

  /// Waits until it asks for work. False when it ended instead. Fails with timeout_error.
  task<bool> greet(const process_pool_options& options);
  /// Has it do a job. False when it ended instead. Fails with what the job failed with.
  task<bool> do_job(pool_job& job);

  /// The process has ended, whoever still holds the other end of its socket.
  void has_ended() const;
  void kill() const noexcept;
  /// The pool kills it, for its own reasons.
  void doom() noexcept;
  bool doomed() const noexcept { return doomed_; }

 private:
  task<bool> send(const pool_job& job);
  task<bool> receive(pool_job& job);
  /// False at the end.
  task<bool> fill();
  task<bool> read(std::span<char> target);

  const process child_;
  const stream bytes_;
  const std::string name_;
  bool busy_ = true;  // until it has asked for work
  std::atomic<bool> doomed_{false};
  std::size_t jobs_done_ = 0;
  std::array<char, frame_buffer> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace buskin::io::detail
