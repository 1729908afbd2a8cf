#include "resolver_pool.hpp"

#include <algorithm>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

namespace buskin::io::detail {

resolver_pool& resolver_pool::instance() {
  // Never destroyed: a thread may come back from the system after everything else has gone.
  static auto* const pool = new resolver_pool;
  return *pool;
}

std::shared_ptr<lookup> resolver_pool::ask(const lookup_key& what, stack_host& host, bool keep) {
  std::lock_guard guard(mutex_);
  auto& job = under_way_[what];
  if (!job) {
    job = std::make_shared<lookup>();
    job->what = what;
    jobs_.push_back(job);
    try {
      if (idle_ < jobs_.size() && threads_ < most_threads) start_thread();
    } catch (const std::system_error&) {
      if (threads_ == 0) {
        jobs_.pop_back();
        under_way_.erase(what);
        throw;
      }
    }
    news_.notify_one();
  }
  job->keep = job->keep || keep;
  job->waiters.push_back(&host);
  return job;
}

void resolver_pool::start_thread() {
  std::thread([this] { work(); }).detach();
  ++threads_;
}

void resolver_pool::forget(lookup& which, stack_host& host) noexcept {
  std::lock_guard guard(mutex_);
  if (const auto at = std::find(which.waiters.begin(), which.waiters.end(), &host);
      at != which.waiters.end())
    which.waiters.erase(at);
}

bool resolver_pool::answered(const lookup& which) const noexcept {
  std::lock_guard guard(mutex_);
  return which.answer.has_value();
}

std::optional<lookup_answer> resolver_pool::answer_of(const lookup& which) const {
  std::lock_guard guard(mutex_);
  return which.answer;
}

void resolver_pool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    const bool news = news_.wait_for(lock, idle_time, [this] { return !jobs_.empty(); });
    --idle_;
    if (!news) break;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    if (job->waiters.empty()) {  // all have given up meanwhile
      under_way_.erase(job->what);
      continue;
    }
    const auto function = function_;
    lock.unlock();
    auto answer = function ? function(job->what) : ask_system(job->what, false);
    lock.lock();
    settle(*job, std::move(answer));
  }
  --threads_;
}

void resolver_pool::settle(lookup& job, lookup_answer answer) {
  under_way_.erase(job.what);
  if (job.keep && answer.code == 0) remember(job.what, answer);
  job.answer = std::move(answer);
  for (auto* each : job.waiters) each->signal();
  job.waiters.clear();
}

// -- what is kept -------------------------------------------------------------------------------

void resolver_pool::remember(const lookup_key& what, const lookup_answer& answer) {
  if (kept_.size() >= most_kept && kept_.find(what) == kept_.end())
    kept_.erase(std::min_element(kept_.begin(), kept_.end(), [](const auto& a, const auto& b) {
      return a.second.since < b.second.since;
    }));
  kept_.insert_or_assign(what, kept{answer, std::chrono::steady_clock::now()});
}

std::optional<lookup_answer> resolver_pool::remembered(
    const lookup_key& what, std::chrono::steady_clock::duration age) const {
  std::lock_guard guard(mutex_);
  const auto found = kept_.find(what);
  if (found == kept_.end() || std::chrono::steady_clock::now() - found->second.since > age)
    return std::nullopt;
  return found->second.answer;
}

void resolver_pool::clear() {
  std::lock_guard guard(mutex_);
  kept_.clear();
}

lookup_function resolver_pool::exchange(lookup_function other) {
  std::lock_guard guard(mutex_);
  return std::exchange(function_, std::move(other));
}

lookup_function exchange_lookup(lookup_function other) {
  return resolver_pool::instance().exchange(std::move(other));
}

// -- a wait -------------------------------------------------------------------------------------

bool lookup_wait::await_ready() {
  host_ = &stack_here("resolve").host();
  job_ = resolver_pool::instance().ask(what_, *host_, keep_);
  return false;
}

lookup_answer lookup_wait::await_resume() {
  if (auto reason = interruption()) std::rethrow_exception(reason);
  return resolver_pool::instance().answer_of(*job_).value();
}

void lookup_wait::forget() noexcept {
  if (job_) resolver_pool::instance().forget(*job_, *host_);
}

}  // namespace buskin::io::detail
