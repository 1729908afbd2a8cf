// What the copies of a resource_pool and its leases share.
//
// The places are the items of a queue, whose getters are those who wait: so the order, a withdrawn
// wait and the end of waiting are the queue's. A place belongs to the lease, not to a task: it may
// move.
#pragma once

#include <buskin/actors/queue.hpp>
#include <buskin/actors/resource_pool_options.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/unit.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace buskin::detail {

/// Throws invalid_state.
[[noreturn]] void refuse_closed_pool(const std::string& name);
/// Throws std::invalid_argument.
void check_pool(const std::string& name, std::size_t limit, bool can_open);
std::string pool_text(const std::string& name, std::size_t in_use, std::size_t limit,
                      std::size_t idle, std::size_t waiters, bool closed);

template <class T>
class pool_state {
 public:
  pool_state(std::function<task<T>()> open, resource_pool_options<T> options)
      : open_(std::move(open)), options_(std::move(options)) {
    check_pool(options_.name, options_.limit, static_cast<bool>(open_));
    idle_.reserve(options_.limit);  // so that to give one back cannot fail
    for (std::size_t i = 0; i != options_.limit; ++i) places_.put_nowait(caf::unit);
  }
  ~pool_state() { drop_all(std::move(idle_)); }
  pool_state(const pool_state&) = delete;
  pool_state& operator=(const pool_state&) = delete;

  // -- places -----------------------------------------------------------------------------------

  /// Throws queue_shutdown when the pool is closed.
  auto next_place(std::source_location where) const { return places_.get(where); }
  void enter() noexcept { used_.fetch_add(1, std::memory_order_relaxed); }
  void leave() noexcept {
    used_.fetch_sub(1, std::memory_order_relaxed);
    try {
      places_.put_nowait(caf::unit);
    } catch (const queue_shutdown&) {
      // It was closed: nobody waits, and nobody will.
    }
  }

  // -- resources --------------------------------------------------------------------------------

  task<T> open() const { return open_(); }

  /// None when a new one has to be opened.
  std::optional<T> take_idle() {
    for (;;) {
      auto found = pop_idle();
      if (!found || is_usable(*found)) return found;
      drop(std::move(*found));
    }
  }
  void give_back(T&& resource) noexcept {
    {
      std::lock_guard guard(mutex_);
      if (!closed_ && idle_.size() < options_.idle_limit) {
        idle_.push_back(std::move(resource));
        return;
      }
    }
    drop(std::move(resource));
  }
  void drop(T&& resource) const noexcept {
    T last(std::move(resource));
    if (options_.close) options_.close(last);
  }

  // -- the end ----------------------------------------------------------------------------------

  void close() {
    std::vector<T> closing;
    {
      std::lock_guard guard(mutex_);
      closed_ = true;
      closing.swap(idle_);
    }
    places_.shutdown(queue_end::immediate);
    drop_all(std::move(closing));
  }
  [[noreturn]] void refuse() const { refuse_closed_pool(options_.name); }

  // -- looking at it ----------------------------------------------------------------------------

  bool closed() const {
    std::lock_guard guard(mutex_);
    return closed_;
  }
  std::size_t idle() const {
    std::lock_guard guard(mutex_);
    return idle_.size();
  }
  std::size_t in_use() const noexcept { return used_.load(std::memory_order_relaxed); }
  std::size_t waiters() const { return places_.getter_count(); }
  const resource_pool_options<T>& options() const noexcept { return options_; }

 private:
  /// One that cannot even be asked is dropped.
  bool is_usable(T& resource) const {
    if (!options_.usable) return true;
    try {
      return options_.usable(resource);
    } catch (...) {
      drop(std::move(resource));
      throw;
    }
  }
  std::optional<T> pop_idle() {
    std::lock_guard guard(mutex_);
    if (idle_.empty()) return std::nullopt;
    std::optional<T> found(std::move(idle_.back()));
    idle_.pop_back();
    return found;
  }
  void drop_all(std::vector<T> resources) const noexcept {
    for (auto& each : resources) drop(std::move(each));
  }

  const std::function<task<T>()> open_;
  const resource_pool_options<T> options_;
  const queue<caf::unit_t> places_;
  std::atomic<std::size_t> used_ = 0;  // for reports only
  mutable std::mutex mutex_;
  std::vector<T> idle_;  // guarded by mutex_
  bool closed_ = false;  // guarded by mutex_
};

/// A place of a pool that was taken; its end frees it.
template <class T>
class pool_place {
 public:
  explicit pool_place(std::shared_ptr<pool_state<T>> of) noexcept : of_(std::move(of)) {
    of_->enter();
  }
  pool_place(pool_place&& other) noexcept = default;
  pool_place& operator=(pool_place&& other) noexcept {
    if (this != &other) {
      leave();
      of_ = std::move(other.of_);
    }
    return *this;
  }
  ~pool_place() { leave(); }

  void leave() noexcept {
    if (const auto left = std::exchange(of_, nullptr)) left->leave();
  }
  pool_state<T>& state() const noexcept { return *of_; }

 private:
  std::shared_ptr<pool_state<T>> of_;
};

}  // namespace buskin::detail
