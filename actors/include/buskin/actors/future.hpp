// The receiving end of a promise: one value, failure or cancellation, for any number of readers.
// asyncio's Future, as an actor.
#pragma once

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/broker_ref.hpp>
#include <buskin/actors/detail/far_request.hpp>
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
///
/// In another process (`T` travels in messages then) awaiting it is the same. A cancellation is
/// sent and goes on: whether it came in time is not known. Everything else throws invalid_state.
template <class T = void>
class future {
 public:
  using value_type = T;

  future() noexcept = default;
  explicit future(detail::broker_ref<detail::future_actor<T>> actor) noexcept
      : actor_(std::move(actor)) {}
  /// The future whose `actor()` that is, here or in another process. Throws std::invalid_argument
  /// when it is none of this type.
  static future at(const caf::actor& whom) {
    static_assert(detail::future_travels<T>, "a value of this type cannot travel in messages");
    return future(detail::broker_ref<detail::future_actor<T>>(whom, "future"));
  }

  /// Awaits the outcome: yields a copy of the value, or throws the failure (the same exception each
  /// time), or `cancelled`. A value that can only be moved goes to the first who awaits it; others
  /// get invalid_state. Cancellation: of the awaiting task leaves the future alone, unless it is
  /// asked to be passed on.
  auto get(on_cancel how = on_cancel::withdraw,
           std::source_location where = std::source_location::current()) const {
    return detail::future_awaiter<T>(checked(), how == on_cancel::pass_on, where);
  }
  auto operator co_await() const { return get(); }

  bool done() const { return here_for("future::done").done(); }
  bool cancelled() const {
    return here_for("future::cancelled").state() == detail::future_state::cancelled;
  }
  /// The value without waiting, as `get` yields it; throws the failure, or invalid_state while it
  /// is pending.
  T result() const { return here_for("future::result").template result<false>(); }
  /// The value itself; invalid_state for everybody after that.
  T take() const { return here_for("future::take").template result<true>(); }
  /// What it failed with (a `cancelled` when it was cancelled), or null. Throws invalid_state while
  /// it is pending.
  std::exception_ptr exception() const { return here_for("future::exception").exception(); }

  /// Cancels it: whoever awaits it gets `cancelled` with that message. False when it is done; then
  /// a failure counts as fetched. In another process true, and the message is not passed on.
  bool cancel(const std::string& message = {}) const {
    if (!checked().far()) return actor_->cancel(message);
    detail::tell(actor_, cancel_value::value);
    return true;
  }

  /// Has `function(future)` called once it is done, also if it is already: in a later turn, in the
  /// order of registration. What it throws is reported (BK003), and the others are called. It is
  /// called wherever the future's actor runs; with several workers that may be beside the caller.
  template <class F>
  callback_handle on_done(F function) const {
    auto& actor = here_for("future::on_done");
    const auto number =
        actor.add_callback([function = std::move(function)](detail::future_base& self) mutable {
          function(future(
              lean_ref<detail::future_actor<T>>(static_cast<detail::future_actor<T>*>(&self))));
        });
    return {lean_ref<detail::future_base>(&actor), number};
  }

  std::size_t waiter_count() const { return here_for("future::waiter_count").waiter_count(); }
  caf::actor actor() const { return checked().handle(); }
  explicit operator bool() const noexcept { return static_cast<bool>(actor_); }

  friend bool operator==(const future& a, const future& b) noexcept { return a.actor_ == b.actor_; }
  /// "future 17, in another process", "future, pending, 2 callbacks", "future, finished: 42",
  /// "future, failed: no", "future, cancelled".
  friend std::string to_string(const future& f) {
    return f.checked().far() ? "future " + f.actor_.far_text() : f.actor_->text();
  }

 private:
  friend class promise<T>;
  const detail::broker_ref<detail::future_actor<T>>& checked() const {
    if (!actor_) throw invalid_state("this future refers to nothing; a promise gives one out");
    return actor_;
  }
  detail::future_actor<T>& here_for(const char* operation) const {
    return checked().here_for(operation, "await it");
  }
  detail::broker_ref<detail::future_actor<T>> actor_;
};

}  // namespace buskin
