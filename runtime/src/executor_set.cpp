#include <buskin/runtime/detail/executor_set.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>

#include <algorithm>
#include <stdexcept>

namespace buskin::detail {

thread_pool& executor_set::current() {
  std::lock_guard guard(mutex_);
  if (pools_.empty()) {
    if (closed_)
      throw invalid_state("runtime \"" + options_.name +
                          "\" was shut down; nothing can run on its threads any more");
    pools_.push_back(std::make_shared<thread_pool>(options_.default_executor));
  }
  return *pools_.back();
}

void executor_set::set(std::shared_ptr<thread_pool> pool) {
  if (!pool) throw std::invalid_argument("the default executor of a runtime must be a thread_pool");
  std::lock_guard guard(mutex_);
  if (closed_)
    throw invalid_state("runtime \"" + options_.name +
                        "\" was shut down; it takes no other executor");
  std::erase(pools_, pool);
  pools_.push_back(std::move(pool));
}

std::vector<std::shared_ptr<thread_pool>> executor_set::all() const {
  std::lock_guard guard(mutex_);
  return pools_;
}

void executor_set::close(std::function<void()> told) {
  {
    std::lock_guard guard(mutex_);
    closed_ = true;
  }
  for (const auto& pool : all()) {
    pool->on_ended(told);
    pool->shutdown(queued_jobs::run, "the runtime \"" + options_.name + "\" was shut down");
  }
}

bool executor_set::ended() const {
  const auto pools = all();
  return std::all_of(pools.begin(), pools.end(),
                     [](const auto& pool) { return pool->threads() == 0; });
}

void executor_set::join() {
  for (const auto& pool : all()) {
    pool->on_ended(nullptr);
    pool->join();
  }
}

std::vector<running_job> executor_set::give_up() {
  std::vector<running_job> late;
  for (const auto& pool : all()) {
    pool->on_ended(nullptr);
    pool->shutdown(queued_jobs::cancel, "it was not begun when the time for the shutdown was up");
    for (auto& each : pool->running()) late.push_back(std::move(each));
    pool->abandon();
  }
  return late;
}

}  // namespace buskin::detail
