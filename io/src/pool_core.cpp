#include "pool_core.hpp"

#include <buskin/actors/task_handle.hpp>
#include <buskin/io/worker_died.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <exception>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace buskin::io::detail {

namespace {

process_pool_options checked(process_pool_options options) {
  if (options.workers == 0) options.workers = std::max(1U, std::thread::hardware_concurrency());
  if (options.max_jobs_per_worker == 0)
    throw std::invalid_argument(options.name +
                                ": max_jobs_per_worker is 0, so no worker could do anything; "
                                "leave it out for workers that stay");
  if (options.start_timeout <= std::chrono::milliseconds::zero() ||
      options.grace < std::chrono::milliseconds::zero())
    throw std::invalid_argument(options.name +
                                ": start_timeout has to be above 0, and grace at least 0");
  // More than a month is the same as for ever, and fits where numbers are smaller.
  const std::chrono::milliseconds most = std::chrono::hours(24 * 24);
  options.start_timeout = std::min(options.start_timeout, most);
  options.grace = std::min(options.grace, most);
  return options;
}

}  // namespace

/// The right to have a worker, until the end of its scope.
class pool_core::place {
 public:
  explicit place(pool_core& of) noexcept : of_(of) {}
  ~place() {
    try {
      of_.places_.put_nowait(caf::unit);
    } catch (const queue_shutdown&) {
      // The line was closed: nobody stands in it, and nobody will.
    }
  }
  place(const place&) = delete;
  place& operator=(const place&) = delete;

 private:
  pool_core& of_;
};

/// A process that is being started, until the end of its scope.
class pool_core::starting {
 public:
  /// Under its mutex.
  explicit starting(pool_core& of) noexcept : of_(&of) { ++of.starting_; }
  starting(starting&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
  starting& operator=(starting&&) = delete;
  ~starting() {
    if (of_ == nullptr) return;
    std::lock_guard guard(of_->mutex_);
    --of_->starting_;
  }

 private:
  pool_core* of_;
};

pool_core::pool_core(process_pool_options options) : options_(checked(std::move(options))) {
  for (std::size_t i = 0; i != options_.workers; ++i) places_.put_nowait(caf::unit);
}

// -- jobs ---------------------------------------------------------------------------------------

void pool_core::admit() {
  std::lock_guard guard(mutex_);
  if (closed_) throw executor_shutdown(options_.name + " was shut down and takes no more jobs");
  if (options_.full == when_full::refuse && admitted_ >= options_.workers &&
      admitted_ - options_.workers >= options_.capacity)
    throw executor_full(options_.name + " is full: " + std::to_string(options_.workers) +
                        " jobs run and " + std::to_string(options_.capacity) +
                        " wait; try later, or give it more capacity");
  ++admitted_;
}

void pool_core::leave() noexcept {
  std::vector<worker_ptr> last;
  {
    std::lock_guard guard(mutex_);
    --admitted_;
    if (!closed_ || admitted_ != 0) return;
    last.swap(idle_);
  }
  retire(std::move(last));
  drained_.set();
}

task<void> pool_core::next_place() {
  try {
    co_await places_.get();
  } catch (const queue_shutdown&) {
    throw executor_shutdown(options_.name + " was shut down before this job had a worker");
  }
}

pool_core::worker_ptr pool_core::take_idle() {
  std::vector<worker_ptr> dead;
  std::lock_guard guard(mutex_);
  while (!idle_.empty()) {
    auto found = std::move(idle_.back());
    idle_.pop_back();
    if (!found->child().status()) return found;
    dead.push_back(std::move(found));
  }
  return nullptr;
}

task<pool_core::worker_ptr> pool_core::start_worker(starting one) {
  auto made = co_await pool_worker::start(options_);
  spawn(watch(weak_from_this(), made, made->child()), {.name = "watch over " + options_.name});
  std::lock_guard guard(mutex_);
  std::erase_if(known_, [](const auto& each) { return each.expired(); });
  known_.push_back(made);
  if (killing_) made->doom();
  co_return made;
}

pool_core::starting pool_core::start_one() {
  std::lock_guard guard(mutex_);
  return starting(*this);
}

std::optional<pool_core::starting> pool_core::start_one_if_missing() {
  std::lock_guard guard(mutex_);
  if (living() >= options_.workers) return std::nullopt;
  return starting(*this);
}

task<void> pool_core::work_on(std::shared_ptr<pool_job> job) {
  const auto keep = shared_from_this();
  co_await next_place();
  const place mine(*this);
  auto with = take_idle();
  bool there = true;
  bool greeted = true;
  std::exception_ptr failure;
  if (!with) {
    with = co_await start_worker(start_one());
    try {
      there = greeted = co_await with->greet(options_);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (there && !failure) {
    try {
      there = co_await with->do_job(*job);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (with->between_jobs()) {
    give_back(std::move(with));
    if (failure) std::rethrow_exception(failure);
    co_return;
  }
  // It is in the middle of something that nobody wants any more, or has ended.
  with->kill();
  const auto how = co_await with->child().wait();
  if (failure) std::rethrow_exception(failure);
  throw_died(*with, how,
             greeted ? "in the middle of " + job->title() + "; how far that came is not known"
                     : "before it asked for work");
}

void pool_core::throw_died(const pool_worker& which, const exit_status& how,
                           const std::string& when) const {
  if (which.doomed())
    throw executor_shutdown(options_.name +
                            " was shut down, and this job was not done at the limit; its worker "
                            "was killed");
  throw worker_died(which.name() + " has ended (" + to_string(how) + ") " + when, how,
                    which.child().pid());
}

void pool_core::give_back(worker_ptr which) {
  std::vector<worker_ptr> used;
  {
    std::lock_guard guard(mutex_);
    if (which->jobs_done() < options_.max_jobs_per_worker) {
      idle_.push_back(std::move(which));
      return;
    }
    used.push_back(std::move(which));
  }
  retire(std::move(used));
}

task<void> pool_core::start_idle() {
  const auto keep = shared_from_this();
  co_await next_place();
  const place mine(*this);
  auto one = start_one_if_missing();
  if (!one) co_return;
  auto made = co_await start_worker(std::move(*one));
  if (co_await made->greet(options_)) {
    give_back(std::move(made));
    co_return;
  }
  made->kill();
  throw_died(*made, co_await made->child().wait(), "before it asked for work");
}

task<void> pool_core::watch(std::weak_ptr<pool_core> core, std::weak_ptr<pool_worker> which,
                            process child) {
  co_await child.wait();
  const auto worker = which.lock();
  if (!worker) co_return;
  worker->has_ended();
  if (const auto pool = core.lock()) pool->worker_ended(*worker);
}

void pool_core::worker_ended(const pool_worker& which) noexcept {
  std::lock_guard guard(mutex_);
  // Whoever called holds it, too.
  std::erase_if(idle_, [&](const auto& each) { return each.get() == &which; });
}

// -- the end ------------------------------------------------------------------------------------

void pool_core::close(queued_jobs queued) {
  std::vector<worker_ptr> last;
  bool done = false;
  {
    std::lock_guard guard(mutex_);
    closed_ = true;
    done = admitted_ == 0;
    if (done) last.swap(idle_);
  }
  if (queued == queued_jobs::cancel) places_.shutdown(queue_end::immediate);
  retire(std::move(last));
  if (done) drained_.set();
}

/// Their sockets are closed, which they take as their end.
void pool_core::retire(std::vector<worker_ptr> which) {
  std::lock_guard guard(mutex_);
  std::erase_if(retired_, [](const process& each) { return each.status().has_value(); });
  for (const auto& each : which) {
    retired_.push_back(each->child());
    std::erase_if(known_, [&](const auto& other) { return other.lock() == each; });
  }
}

void pool_core::kill_all() {
  places_.shutdown(queue_end::immediate);
  std::vector<worker_ptr> all;
  std::vector<process> rest;
  {
    std::lock_guard guard(mutex_);
    killing_ = true;
    for (const auto& each : known_)
      if (auto worker = each.lock()) all.push_back(std::move(worker));
    rest = retired_;
  }
  for (const auto& each : all) each->doom();
  for (const auto& each : rest) {
    try {
      each.kill();
    } catch (const std::system_error&) {
      // It has ended.
    }
  }
}

task<void> pool_core::ended(std::chrono::milliseconds limit) {
  const auto keep = shared_from_this();
  std::optional<real_alarm> alarm;
  if (limit != process_pool_options::forever) alarm.emplace(limit, [keep] { keep->kill_all(); });
  co_await drained_.wait();
  std::vector<process> last;
  {
    std::lock_guard guard(mutex_);
    last = retired_;
  }
  for (const auto& each : last) co_await each.wait();
}

bool pool_core::closed() const {
  std::lock_guard guard(mutex_);
  return closed_;
}

// -- looking at it ------------------------------------------------------------------------------

std::vector<int> pool_core::pids() const {
  std::lock_guard guard(mutex_);
  std::vector<int> all;
  for (const auto& each : known_)
    if (const auto worker = each.lock(); worker && !worker->child().status())
      all.push_back(worker->child().pid());
  return all;
}

std::size_t pool_core::living() const {
  return starting_ +
         static_cast<std::size_t>(std::count_if(known_.begin(), known_.end(), [](const auto& each) {
           const auto worker = each.lock();
           return worker && !worker->child().status();
         }));
}

std::size_t pool_core::workers() const {
  std::lock_guard guard(mutex_);
  return living();
}

std::size_t pool_core::idle() const {
  std::lock_guard guard(mutex_);
  return idle_.size();
}

}  // namespace buskin::io::detail
