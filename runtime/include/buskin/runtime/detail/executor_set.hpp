// The thread pools that belong to a runtime: the default one, and those it replaced.
#pragma once

#include <buskin/runtime/thread_pool.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace buskin {
struct runtime_options;
}

namespace buskin::detail {

class executor_set {
 public:
  explicit executor_set(const runtime_options& options) noexcept : options_(options) {}
  executor_set(const executor_set&) = delete;
  executor_set& operator=(const executor_set&) = delete;

  /// Any thread.
  thread_pool& current();
  void set(std::shared_ptr<thread_pool> pool);

  /// No more jobs; `told` is called, in whatever thread, when a pool has ended.
  void close(std::function<void()> told);
  bool ended() const;
  void join();
  /// Refuses what has not begun, lets the threads go that are left, and names what they run.
  std::vector<running_job> give_up();

 private:
  std::vector<std::shared_ptr<thread_pool>> all() const;

  const runtime_options& options_;
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::vector<std::shared_ptr<thread_pool>> pools_;  // the last one is the default
  bool closed_ = false;
};

}  // namespace buskin::detail
