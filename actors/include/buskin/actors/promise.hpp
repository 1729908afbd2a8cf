// Setting what a future yields.
#pragma once

#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/future_actor.hpp>
#include <buskin/actors/future.hpp>
#include <buskin/runtime/errors.hpp>

#include <exception>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

namespace buskin {

/// The setting end of a future; copies of this object set the same one, and the first to do so
/// wins. Any thread while the runtime lives, also one that is not the runtime's.
///
/// When the last copy goes and nothing was set, the future fails with broken_promise.
template <class T = void>
class promise {
 public:
  /// Inside a running runtime.
  explicit promise(std::source_location where = std::source_location::current())
      : promise(detail::system_here("promise"), where) {}
  explicit promise(caf::actor_system& system,
                   std::source_location where = std::source_location::current())
      : actor_(detail::make_broker<detail::future_actor<T>>(system, where)) {}

  /// As often as you like.
  future<T> get_future() const { return future<T>(actor_.ref()); }

  /// Throws invalid_state when it was set or cancelled.
  void set_value() const requires std::is_void_v<T> {
    if (!try_set_value()) actor_->refuse_second_outcome();
  }
  template <class U>
  requires(!std::is_void_v<T> && std::is_convertible_v<U, T>) void set_value(U&& value) const {
    if (!try_set_value(std::forward<U>(value))) actor_->refuse_second_outcome();
  }
  void set_exception(std::exception_ptr error) const {
    if (!try_set_exception(std::move(error))) actor_->refuse_second_outcome();
  }
  /// The same with an exception object.
  template <class E>
  requires std::is_base_of_v<std::exception, E>
  void set_exception(E error) const { set_exception(std::make_exception_ptr(std::move(error))); }

  /// False, and nothing happens, when it was set or cancelled.
  bool try_set_value() const requires std::is_void_v<T> {
    detail::unit nothing;
    return actor_->set(nothing);
  }
  template <class U>
  requires(!std::is_void_v<T> && std::is_convertible_v<U, T>) bool try_set_value(U&& value) const {
    T stored(std::forward<U>(value));
    return actor_->set(stored);
  }
  bool try_set_exception(std::exception_ptr error) const { return actor_->fail(std::move(error)); }
  bool cancel(const std::string& message = {}) const { return actor_->cancel(message); }

  /// Ends like `other`, which is done: the value (a copy), the failure or the cancellation. False
  /// when this one was set or cancelled; throws invalid_state while the other is pending.
  bool set_from(const future<T>& other) const {
    auto& outcome = other.here_for("promise::set_from");
    outcome.check_done();
    return actor_->follow(outcome);
  }

  bool done() const { return actor_->done(); }
  /// Whether nobody wants a value any more.
  bool cancelled() const { return actor_->state() == detail::future_state::cancelled; }
  caf::actor actor() const { return actor_.ref().handle(); }

 private:
  detail::owner_ref<detail::future_actor<T>> actor_;
};

/// Both ends.
template <class T>
struct promise_and_future {
  buskin::promise<T> promise;
  buskin::future<T> future;
};

/// `auto [promise, future] = make_promise<int>();` Inside a running runtime.
template <class T = void>
promise_and_future<T> make_promise(std::source_location where = std::source_location::current()) {
  promise<T> made(where);
  auto its_future = made.get_future();
  return {std::move(made), std::move(its_future)};
}

}  // namespace buskin
