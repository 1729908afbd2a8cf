// The latest value of something, and those who want to know when it changes. tokio's watch channel,
// as an actor.
#pragma once

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/broker_ref.hpp>
#include <buskin/actors/detail/far_request.hpp>
#include <buskin/actors/detail/watch_actor.hpp>

#include <caf/actor.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <type_traits>
#include <utility>

namespace buskin {

/// A place in the history of a watch. Each sees every change from its own point on, but of several
/// that came in between only the last. One task uses it; it must outlive the awaits on it. A copy
/// goes on from the same point for itself.
///
/// One of a watch in another process begins before its first value: what the watch has when it is
/// asked first is the first change. Awaiting is the same; `get` and `read` give what was awaited
/// last. `has_changed` and `closed`, and `get` before the first change, throw invalid_state.
template <class T>
class observer {
 public:
  explicit observer(detail::broker_ref<detail::watch_actor<T>> of) : watch_(std::move(of)) {
    if (!watch_.far()) seen_.version = watch_->version();
  }

  /// Awaits a value that this observer has not seen, and counts it as seen; at once if there is
  /// one. Throws watch_closed when there is none and none will come. Cancellation: sees nothing;
  /// the next call finds the change.
  detail::changed_awaiter changed(std::source_location where = std::source_location::current()) {
    return {watch_, seen_, where};
  }
  /// The same, and yields a copy of the value.
  detail::next_value_awaiter<T> next(
      std::source_location where =
          std::source_location::current()) requires std::copy_constructible<T> {
    return {watch_, seen_, where};
  }

  /// Whether `changed` would not wait. Throws watch_closed.
  bool has_changed() const {
    return watch_.here_for("observer::has_changed", "await changed").changed_since(seen_.version);
  }
  /// A copy of the latest value, which counts as seen; also after the end.
  T get() requires std::copy_constructible<T> {
    return read([](const T& value) { return value; });
  }
  /// `look(const T&)` at the latest value where it is, which counts as seen. It cannot change
  /// meanwhile: `look` is short, and does not use the watch.
  template <class F>
  auto read(F look) {
    if constexpr (detail::sendable<T>)
      if (watch_.far() && !seen_.latest.empty())
        return look(static_cast<const T&>(seen_.latest.template get_as<T>(1)));
    return watch_.here_for("observer::get", "await changed").read(seen_.version, std::move(look));
  }
  bool closed() const { return watch_.here_for("observer::closed", "await changed").closed(); }

 private:
  detail::broker_ref<detail::watch_actor<T>> watch_;
  detail::seen_value seen_;
};

/// The setting side; copies of this object set the same value. Any thread of its runtime.
///
/// Setting never waits. When the last copy is gone the watch is closed: its observers see the last
/// value, then watch_closed. The message face, for a `T` that can be copied: `(get_value)` answers
/// `T`; `(set_value, T)` sets it and answers nothing; `(await_change, uint64 seen)` answers
/// `(uint64 version, T)` when there is a version other than `seen`. An observer by messages begins
/// with 0, the version of the initial value, and asks again with the version it was answered.
/// `(close_source)` closes it.
///
/// In another process (`T` travels in messages then) `set` and `close` are sent and go on, so that
/// their errors are not seen, and `observe` is the same; everything else throws invalid_state. Such
/// a handle is none whose end closes the watch.
template <class T>
class watch {
 public:
  /// Inside a running runtime.
  explicit watch(T initial = T()) : watch(detail::system_here("watch"), std::move(initial)) {}
  watch(caf::actor_system& system, T initial)
      : actor_(detail::make_broker<detail::watch_actor<T>>(system, std::move(initial))) {}
  /// The watch whose `actor()` that is, here or in another process. Throws std::invalid_argument
  /// when it is none of this type.
  static watch at(const caf::actor& whom) {
    static_assert(detail::sendable<T>, "a value of this type cannot travel in messages");
    return watch(detail::broker_ref<detail::watch_actor<T>>(whom, "watch"));
  }

  /// These three throw watch_closed after `close`.
  void set(T value) const {
    if constexpr (detail::sendable<T>)
      if (actor_.far()) return detail::tell(actor_.ref(), set_value::value, std::move(value));
    actor_->set(std::move(value));
  }
  /// `change(T&)` changes the value where it is. It is short, and does not use the watch.
  template <class F>
  void modify(F change) const {
    modify_if([&](T& value) {
      change(value);
      return true;
    });
  }
  /// The same; observers are told only if `change` returns true, and so is the caller.
  template <class F>
  requires std::predicate<F, T&>
  bool modify_if(F change) const {
    return here_for("watch::modify", "set it").modify_if(std::move(change));
  }

  T get() const requires std::copy_constructible<T> {
    return read([](const T& value) { return value; });
  }
  /// `look(const T&)` at the value where it is; as for an observer.
  template <class F>
  auto read(F look) const {
    std::uint64_t version = 0;
    return here_for("watch::get", "observe it").read(version, std::move(look));
  }

  /// Sees what changes from now on.
  buskin::observer<T> observe() const { return buskin::observer<T>(actor_.ref()); }
  /// How many wait for a change at the moment.
  std::size_t waiter_count() const {
    return here_for("watch::waiter_count", "only its own process can look at it").waiter_count();
  }
  void close() const {
    actor_.far() ? detail::tell(actor_.ref(), close_source::value) : actor_->close();
  }
  bool closed() const { return here_for("watch::closed", "observe it").closed(); }

  caf::actor actor() const { return actor_.ref().handle(); }

 private:
  explicit watch(detail::broker_ref<detail::watch_actor<T>> found) noexcept
      : actor_(std::move(found)) {}
  detail::watch_actor<T>& here_for(const char* operation, const char* instead) const {
    return actor_.ref().here_for(operation, instead);
  }
  detail::owner_ref<detail::watch_actor<T>> actor_;
};

}  // namespace buskin
