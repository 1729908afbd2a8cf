// Permits that tasks take and give back. asyncio's Semaphore and BoundedSemaphore, as an actor; a
// lock is one with a single permit.
#pragma once

#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/broker_ref.hpp>

#include <caf/actor_addr.hpp>

#include <cstddef>
#include <limits>
#include <source_location>
#include <string>
#include <utility>

namespace buskin {

namespace detail {

class permits_actor;  // what the references below refer to
class permit_waiter;
class far_request;

/// Waits for a permit.
class [[nodiscard("nothing happens until it is awaited")]] permit_wait final : public wait {
 public:
  permit_wait(broker_ref<permits_actor> permits, wait_kind kind,
              const std::source_location& where) noexcept;
  ~permit_wait();
  bool ready() noexcept override { return waiting_->resolved(); }
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume();
  /// Whom the broker knows as the holder: an actor that is not a task, or one in another process
  /// than the broker; else nobody.
  const caf::actor_addr& holder() const noexcept { return keeper_; }

 private:
  permit_waiter& waiter() const noexcept;
  far_request& request() const noexcept;
  void give_up() noexcept;

  broker_ref<permits_actor> permits_;
  cell_ref<cell<unit>> waiting_;
  caf::actor_addr keeper_;
  bool settled_ = false;  // the permit was taken over, or given up
};

/// What semaphores and locks share.
class permits {
 public:
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  permits(const char* kind, std::size_t count, std::size_t limit);
  explicit permits(broker_ref<permits_actor> found) noexcept : actor_(std::move(found)) {}
  /// The one whose actor that is; `kind` is its name without "buskin.".
  permits(const char* kind, const caf::actor& whom);

  permit_wait acquire(wait_kind kind, const std::source_location& where) const;
  bool try_acquire(const char* operation) const;
  void release(const char* what) const;
  /// The release at the end of a guard's life, also in the frame of a coroutine that was killed.
  void end_hold(const char* what, const caf::actor_addr& holder) const noexcept;
  /// The coroutine that runs here gave its permit up for a time and is destroyed meanwhile: the
  /// release that its guard will do means nothing.
  void forgo() const noexcept;
  /// Throw invalid_state, where it is in another process, for a look by `operation`.
  std::size_t available(const char* operation) const;
  std::size_t waiters(const char* operation) const;
  caf::actor actor() const { return actor_.handle(); }
  const broker_ref<permits_actor>& ref() const noexcept { return actor_; }

 private:
  broker_ref<permits_actor> actor_;
};

}  // namespace detail

/// A permit or a lock that is given back at the end of a scope. That somebody else released it
/// meanwhile is an error in the program, and ends it.
template <class Source>
class [[nodiscard("it is released at once if nobody keeps it")]] held {
 public:
  held(Source source, caf::actor_addr holder)
      : source_(std::move(source)), holder_(std::move(holder)), holds_(true) {}
  held(held && other) noexcept
      : source_(other.source_),
        holder_(std::move(other.holder_)),
        holds_(std::exchange(other.holds_, false)) {}
  held& operator=(held&& other) noexcept {
    if (this != &other) {
      end();
      source_ = other.source_;
      holder_ = std::move(other.holder_);
      holds_ = std::exchange(other.holds_, false);
    }
    return *this;
  }
  ~held() { end(); }

  /// Gives it back now; nothing when that was done. Throws invalid_state when somebody else did.
  void release() {
    if (std::exchange(holds_, false)) source_.release();
  }

 private:
  void end() noexcept {
    if (std::exchange(holds_, false)) source_.end_hold(holder_);
  }

  Source source_;
  caf::actor_addr holder_;  // of a permit that is on the broker's record
  bool holds_;
};

namespace detail {

/// `co_await x.hold()`: acquires, and yields the guard that releases.
template <class Source>
class [[nodiscard("nothing happens until it is awaited")]] hold_awaiter {
 public:
  hold_awaiter(Source source, const permits& from, wait_kind kind,
               const std::source_location& where)
      : source_(std::move(source)), wait_(from.ref(), kind, where) {}
  bool await_ready() { return wait_.await_ready(); }
  bool await_suspend(std::coroutine_handle<> handle) { return wait_.await_suspend(handle); }
  held<Source> await_resume() {
    wait_.await_resume();
    return held<Source>(source_, wait_.holder());
  }

 private:
  Source source_;
  permit_wait wait_;
};

}  // namespace detail

/// A counter of permits; copies of this object are the same semaphore. Any thread of its runtime.
///
/// Permits are handed over strictly in the order in which they were asked for: one that is released
/// while tasks wait belongs to the first of them, and a newcomer queues up behind. What a task or
/// an actor acquired and did not release when it ended, for whatever reason, is released then; a
/// release by another one counts as one in its name. The message face: `(acquire_permit)` is
/// answered when a permit was taken, `(release_permit)` gives one back. An answer that comes too
/// late for the asker's deadline, or finds it dead, takes its permit back.
///
/// In another process all that is awaited is the same, and so is the end of a guard; `release` is
/// sent and goes on, so that its error is not seen; everything else throws invalid_state.
class semaphore {
 public:
  /// Inside a running runtime. Throws std::invalid_argument for more than PTRDIFF_MAX permits,
  /// which is what a negative number turns into.
  explicit semaphore(std::size_t permits = 1) : semaphore(permits, detail::permits::no_limit) {}
  /// The semaphore whose `actor()` that is, here or in another process, bounded or not. Throws
  /// std::invalid_argument when it is none.
  static semaphore at(const caf::actor& whom) {
    return semaphore(detail::permits("semaphore", whom));
  }

  /// Awaits a permit. Cancellation: takes none; one that was granted already goes to the next.
  detail::permit_wait acquire(std::source_location where = std::source_location::current()) const {
    return permits_.acquire(wait_kind::permit, where);
  }
  /// The same; yields a guard that releases at the end of its scope.
  detail::hold_awaiter<semaphore> hold(
      std::source_location where = std::source_location::current()) const {
    return {*this, permits_, wait_kind::permit, where};
  }
  /// Takes a permit if there is one to be had without waiting.
  bool try_acquire() const { return permits_.try_acquire("semaphore::try_acquire"); }
  /// Gives a permit back, or adds one. Any task may.
  void release() const { permits_.release("semaphore"); }

  /// Whether `acquire` would wait.
  bool locked() const { return permits_.available("semaphore::locked") == 0; }
  std::size_t available() const { return permits_.available("semaphore::available"); }
  std::size_t waiter_count() const { return permits_.waiters("semaphore::waiter_count"); }
  caf::actor actor() const { return permits_.actor(); }

 protected:
  semaphore(std::size_t permits, std::size_t limit)
      : permits_("buskin.semaphore", permits, limit) {}

 private:
  friend class held<semaphore>;
  friend std::string to_string(const semaphore& s);
  explicit semaphore(detail::permits found) noexcept : permits_(std::move(found)) {}
  void end_hold(const caf::actor_addr& holder) const noexcept {
    permits_.end_hold("semaphore", holder);
  }

  detail::permits permits_;
};

/// A semaphore that refuses to have more permits than it began with: `release` throws
/// invalid_state.
class bounded_semaphore : public semaphore {
 public:
  explicit bounded_semaphore(std::size_t permits = 1) : semaphore(permits, permits) {}
};

/// "semaphore, 2 permits" or "semaphore, exhausted, 3 wait"; "semaphore 17, in another process".
std::string to_string(const semaphore& s);

}  // namespace buskin
