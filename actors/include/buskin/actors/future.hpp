// The receiving end of a promise: one value, failure or cancellation, for any number of readers.
// asyncio's Future, as an actor.
#pragma once

#include <buskin/actors/detail/future_actor.hpp>
#include <buskin/runtime/errors.hpp>

#include <caf/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <utility>

namespace buskin {

template <class T>
class promise;

/// What the cancellation of a task that awaits a future does to the future.
enum class on_cancel {
  withdraw,  ///< nothing: the task stops waiting
  pass_on    ///< it is cancelled as well, as in asyncio
};

/// A callback that was given to `future::on_done`. Dropping the handle does not remove it.
class callback_handle {
 public:
  callback_handle() = default;
  callback_handle(lean_ref<detail::future_base> future, std::uint64_t number) noexcept
      : future_(std::move(future)), number_(number) {}
  /// True when this prevented the call.
  bool remove() const;

 private:
  lean_ref<detail::future_base> future_;
  std::uint64_t number_ = 0;
};

/// A one-shot outcome; copies of this object are the same future. Any thread of its runtime.
///
/// It is set through a `promise`. A failure that nobody fetched by the time the future is gone is
/// reported (BK002). The message face, for a `T` that can be copied: `(await_value)` answers `T` or
/// the error when it is done; `(set_value, T)` (without `T` for void), `(set_error, caf::error)`
/// and
/// `(cancel_value)` set it and answer nothing, or invalid_state when it was done.
template <class T = void>
class future {
 public:
  using value_type = T;

  future() noexcept = default;
  explicit future(lean_ref<detail::future_actor<T>> actor) noexcept : actor_(std::move(actor)) {}

  /// Awaits the outcome: yields a copy of the value, or throws the failure (the same exception each
  /// time), or `cancelled`. A value that can only be moved goes to the first who awaits it; others
  /// get invalid_state. Cancellation: of the awaiting task leaves the future alone, unless it is
  /// asked to be passed on.
  auto get(on_cancel how = on_cancel::withdraw,
           std::source_location where = std::source_location::current()) const {
    return detail::future_awaiter<T>(checked(), how == on_cancel::pass_on, where);
  }
  auto operator co_await() const { return get(); }

  bool done() const { return checked()->done(); }
  bool cancelled() const { return checked()->state() == detail::future_state::cancelled; }
  /// The value without waiting, as `get` yields it; throws the failure, or invalid_state while it
  /// is pending.
  T result() const { return checked()->template result<false>(); }
  /// The value itself; invalid_state for everybody after that.
  T take() const { return checked()->template result<true>(); }
  /// What it failed with (a `cancelled` when it was cancelled), or null. Throws invalid_state while
  /// it is pending.
  std::exception_ptr exception() const { return checked()->exception(); }

  /// Cancels it: whoever awaits it gets `cancelled` with that message. False when it is done; then
  /// a failure counts as fetched.
  bool cancel(const std::string& message = {}) const { return checked()->cancel(message); }

  /// Has `function(future)` called once it is done, also if it is already: in a later turn, in the
  /// order of registration. What it throws is reported (BK003), and the others are called. It is
  /// called wherever the future's actor runs; with several workers that may be beside the caller.
  template <class F>
  callback_handle on_done(F function) const {
    const auto number = checked()->add_callback(
        [function = std::move(function)](detail::future_base& self) mutable {
          function(future(
              lean_ref<detail::future_actor<T>>(static_cast<detail::future_actor<T>*>(&self))));
        });
    return {lean_ref<detail::future_base>(actor_.get()), number};
  }

  std::size_t waiter_count() const { return checked()->waiter_count(); }
  caf::actor actor() const { return checked().handle(); }
  explicit operator bool() const noexcept { return static_cast<bool>(actor_); }

  friend bool operator==(const future& a, const future& b) noexcept { return a.actor_ == b.actor_; }
  /// "future, pending, 2 callbacks", "future, finished: 42", "future, failed: no", "future,
  /// cancelled".
  friend std::string to_string(const future& f) { return f.checked()->text(); }

 private:
  friend class promise<T>;
  const lean_ref<detail::future_actor<T>>& checked() const {
    if (!actor_) throw invalid_state("this future refers to nothing; a promise gives one out");
    return actor_;
  }
  lean_ref<detail::future_actor<T>> actor_;
};

}  // namespace buskin
