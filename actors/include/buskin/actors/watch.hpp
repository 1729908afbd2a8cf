// The latest value of something, and those who want to know when it changes. tokio's watch channel,
// as an actor.
#pragma once

#include <buskin/actors/detail/broker.hpp>
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
template <class T>
class observer {
 public:
  explicit observer(lean_ref<detail::watch_actor<T>> of) : watch_(std::move(of)) {
    seen_ = watch_->version();
  }

  /// Awaits a value that this observer has not seen, and counts it as seen; at once if there is
  /// one. Throws watch_closed when there is none and none will come. Cancellation: sees nothing;
  /// the next call finds the change.
  detail::changed_awaiter changed(std::source_location where = std::source_location::current()) {
    return {base(), seen_, where};
  }
  /// The same, and yields a copy of the value.
  detail::next_value_awaiter<T> next(
      std::source_location where =
          std::source_location::current()) requires std::copy_constructible<T> {
    return {base(), seen_, where};
  }

  /// Whether `changed` would not wait. Throws watch_closed.
  bool has_changed() const { return watch_->changed_since(seen_); }
  /// A copy of the latest value, which counts as seen; also after the end.
  T get() requires std::copy_constructible<T> {
    return watch_->read(seen_, [](const T& value) { return value; });
  }
  /// `look(const T&)` at the latest value where it is, which counts as seen. It cannot change
  /// meanwhile: `look` is short, and does not use the watch.
  template <class F>
  auto read(F look) {
    return watch_->read(seen_, std::move(look));
  }
  bool closed() const { return watch_->closed(); }

 private:
  lean_ref<detail::watch_base> base() const { return lean_ref<detail::watch_base>(watch_.get()); }
  lean_ref<detail::watch_actor<T>> watch_;
  std::uint64_t seen_ = 0;
};

/// The setting side; copies of this object set the same value. Any thread of its runtime.
///
/// Setting never waits. When the last copy is gone the watch is closed: its observers see the last
/// value, then watch_closed. The message face, for a `T` that can be copied: `(get_value)` answers
/// `T`; `(set_value, T)` sets it and answers nothing; `(await_change, uint64 seen)` answers
/// `(uint64 version, T)` when there is a version other than `seen`. An observer by messages begins
/// with 0, the version of the initial value, and asks again with the version it was answered.
template <class T>
class watch {
 public:
  /// Inside a running runtime.
  explicit watch(T initial = T()) : watch(detail::system_here("watch"), std::move(initial)) {}
  watch(caf::actor_system& system, T initial)
      : actor_(detail::make_broker<detail::watch_actor<T>>(system, std::move(initial))) {}

  /// These three throw watch_closed after `close`.
  void set(T value) const { actor_->set(std::move(value)); }
  /// `change(T&)` changes the value where it is. It is short, and does not use the watch.
  template <class F>
  void modify(F change) const {
    actor_->modify_if([&](T& value) {
      change(value);
      return true;
    });
  }
  /// The same; observers are told only if `change` returns true, and so is the caller.
  template <class F>
  requires std::predicate<F, T&>
  bool modify_if(F change) const { return actor_->modify_if(std::move(change)); }

  T get() const requires std::copy_constructible<T> {
    return read([](const T& value) { return value; });
  }
  /// `look(const T&)` at the value where it is; as for an observer.
  template <class F>
  auto read(F look) const {
    std::uint64_t version = 0;
    return actor_->read(version, std::move(look));
  }

  /// Sees what changes from now on.
  buskin::observer<T> observe() const { return buskin::observer<T>(actor_.ref()); }
  /// How many wait for a change at the moment.
  std::size_t waiter_count() const { return actor_->waiter_count(); }
  void close() const { actor_->close(); }
  bool closed() const { return actor_->closed(); }

  caf::actor actor() const { return actor_.ref().handle(); }

 private:
  detail::owner_ref<detail::watch_actor<T>> actor_;
};

}  // namespace buskin
