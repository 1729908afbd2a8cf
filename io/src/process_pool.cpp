#include <buskin/io/process_pool.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>

#include "pool_core.hpp"
#include "pool_worker_main.hpp"

#include <algorithm>

namespace buskin::io {

namespace detail {

namespace {

/// A job that was taken, until it has ended.
class admission {
 public:
  explicit admission(std::shared_ptr<pool_core> to) : to_(std::move(to)) { to_->admit(); }
  admission(admission&&) noexcept = default;
  admission& operator=(admission&&) = delete;
  ~admission() {
    if (to_) to_->leave();
  }

 private:
  std::shared_ptr<pool_core> to_;
};

task<void> work(std::shared_ptr<pool_core> core, std::shared_ptr<pool_job> job, admission) {
  co_await core->work_on(std::move(job));
}

}  // namespace

task<void> carry_out(std::shared_ptr<pool_core> core, std::shared_ptr<pool_job> job) {
  admission entry(core);
  // A task of its own: whoever uses a worker's socket stays where that is, and the caller is to be
  // free to go on elsewhere.
  const auto working = spawn(work(core, std::move(job), std::move(entry)), {.eager = true});
  co_await working;
}

}  // namespace detail

process_pool::process_pool(process_pool_options options) {
  if (!detail::work_if_worker_was_called())
    throw invalid_state(
        options.name +
        " would start this program again for its workers, and main would run in them: call "
        "buskin::process_pool::work_if_worker() first of all in main, which returns at once in "
        "the program itself");
  detail::runtime_here("process_pool");
  core_ = std::make_shared<detail::pool_core>(std::move(options));
}

task<void> process_pool::warm_up() const {
  const auto core = core_;
  if (core->closed())
    throw executor_shutdown(core->options().name + " was shut down and starts no more workers");
  std::vector<task<void>> all;
  for (std::size_t i = 0; i != core->options().workers; ++i) all.push_back(core->start_idle());
  co_await gather(std::move(all));
}

void process_pool::close(queued_jobs queued) const { core_->close(queued); }

task<void> process_pool::shutdown(std::chrono::milliseconds limit, queued_jobs queued) const {
  const auto core = core_;
  core->close(queued);
  co_await core->ended(limit);
}

bool process_pool::closed() const { return core_->closed(); }
std::size_t process_pool::limit() const noexcept { return core_->options().workers; }
std::size_t process_pool::workers() const { return core_->workers(); }
std::size_t process_pool::idle_workers() const { return core_->idle(); }
std::vector<int> process_pool::pids() const { return core_->pids(); }

std::size_t process_pool::queued_count() const {
  return std::min(core_->in_line(), core_->options().capacity);
}
std::size_t process_pool::waiting_count() const { return core_->in_line() - queued_count(); }

std::string to_string(const process_pool& pool) {
  const auto workers = pool.workers();
  const auto line = pool.core_->in_line();
  std::string text = pool.core_->options().name;
  if (pool.closed()) text += ", closed";
  text += ", " + std::to_string(workers) + (workers == 1 ? " worker (" : " workers (") +
          std::to_string(pool.idle_workers()) + " idle) of " + std::to_string(pool.limit());
  if (line != 0) text += ", " + std::to_string(line) + (line == 1 ? " job" : " jobs") + " in line";
  return text;
}

}  // namespace buskin::io
