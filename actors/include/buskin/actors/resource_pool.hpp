// A bounded pool of things that are worth keeping open: connections, sessions, devices.
//
// What always holds: the resources in use, those being opened and the idle ones are `limit` at
// most; whoever waits is served in the order of asking; and a place that is not used any more, for
// whatever reason, is free again.
#pragma once

#include <buskin/actors/detail/pool_state.hpp>
#include <buskin/runtime/task.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>

namespace buskin {

/// A pool; copies of this object are the same one. Any thread of its runtime.
///
///     resource_pool<session> sessions(open_session, {.limit = 4});
///     auto s = co_await sessions.acquire();
///     co_await s->query("…");  // given back at the end of the scope
///
/// `T` is movable. A resource is closed by its destructor; when that is not enough, by
/// `resource_pool_options::close` before it.
template <class T>
class resource_pool {
 public:
  /// A resource in use. Its end gives the resource back, wherever that is: in the frame of a task
  /// that failed or was killed, too. Move-only; must not outlive the pool's runtime.
  class [[nodiscard("it is given back at once if nobody keeps it")]] lease {
   public:
    lease(lease && other) noexcept
        : place_(std::move(other.place_)), resource_(std::exchange(other.resource_, {})) {}
    lease& operator=(lease&& other) noexcept {
      if (this != &other) {
        release();
        place_ = std::move(other.place_);
        resource_ = std::exchange(other.resource_, {});
      }
      return *this;
    }
    ~lease() { release(); }

    /// Until it was released or discarded.
    explicit operator bool() const noexcept { return resource_.has_value(); }
    T& operator*() const noexcept { return *resource_; }
    T* operator->() const noexcept { return &*resource_; }

    /// Gives it back now. Nothing when that was done.
    void release() noexcept {
      if (resource_) place_.state().give_back(std::move(*std::exchange(resource_, {})));
      place_.leave();
    }
    /// Closes it, for it is broken: whoever comes next opens another one.
    void discard() noexcept {
      if (resource_) place_.state().drop(std::move(*std::exchange(resource_, {})));
      place_.leave();
    }

   private:
    friend class resource_pool;
    lease(detail::pool_place<T> place, T && resource)
        : place_(std::move(place)), resource_(std::move(resource)) {}

    detail::pool_place<T> place_;
    mutable std::optional<T> resource_;
  };

  /// `open` makes a resource, inside of the task that asks for it. Inside a running runtime. Throws
  /// std::invalid_argument for a limit of 0 and for no `open`.
  explicit resource_pool(std::function<task<T>()> open, resource_pool_options<T> options = {})
      : state_(std::make_shared<detail::pool_state<T>>(std::move(open), std::move(options))) {}

  /// The idle resource that was used last, else a new one, when there is room for it. Throws
  /// invalid_state when the pool is closed, also while this waits or opens; what `open` throws.
  /// Cancellation: takes nothing; the place goes to the next who waits.
  task<lease> acquire(std::source_location where = std::source_location::current()) const {
    return acquire_from(state_, where);
  }

  /// Closes the idle resources and refuses from now on; those in use are closed when they come
  /// back, those being opened when they are open. Idempotent.
  void close() const { state_->close(); }
  bool closed() const { return state_->closed(); }

  std::size_t limit() const noexcept { return state_->options().limit; }
  /// In use or being opened.
  std::size_t in_use() const { return state_->in_use(); }
  std::size_t idle() const { return state_->idle(); }
  std::size_t waiter_count() const { return state_->waiters(); }

  /// "resource pool, 2 of 4 in use, 1 idle, 3 wait".
  friend std::string to_string(const resource_pool& pool) {
    return detail::pool_text(pool.state_->options().name, pool.in_use(), pool.limit(), pool.idle(),
                             pool.waiter_count(), pool.closed());
  }

 private:
  static task<lease> acquire_from(std::shared_ptr<detail::pool_state<T>> state,
                                  std::source_location where) {
    try {
      co_await state->next_place(where);
    } catch (const queue_shutdown&) {
      state->refuse();
    }
    detail::pool_place<T> place(state);
    if (auto kept = state->take_idle()) co_return lease(std::move(place), std::move(*kept));
    T made = co_await state->open();
    lease opened(std::move(place), std::move(made));
    if (state->closed()) {
      opened.discard();
      state->refuse();
    }
    co_return std::move(opened);
  }

  std::shared_ptr<detail::pool_state<T>> state_;
};

}  // namespace buskin
