// One to many: every subscriber sees every item published after it subscribed, and is told how many
// it missed when it was too slow. The shape of tokio's broadcast channel, as an actor.
#pragma once

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/broadcast_actor.hpp>
#include <buskin/actors/detail/far_request.hpp>

#include <caf/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <utility>

namespace buskin {

/// A place in a broadcast. One task reads it; it must outlive the awaits on it.
template <class T>
class subscription {
 public:
  explicit subscription(lean_ref<detail::broadcast_actor<T>> hub)
      : hub_(std::move(hub)), position_(hub_->end()) {}
  /// In the image of a hub in another process.
  explicit subscription(detail::owner_ref<detail::broadcast_actor<T>> image)
      : image_(std::move(image)), hub_(image_.ref().local()), position_(hub_->end()) {}

  /// Awaits the next item. When the subscriber fell more than the broadcast's capacity behind, the
  /// oldest kept item comes, with the number of those that were missed. Throws queue_shutdown when
  /// the broadcast was closed and all was read. Cancellation: reads nothing.
  detail::broadcast_next<T> next(std::source_location where = std::source_location::current()) {
    return {hub_, position_, where};
  }
  /// The next item if there is one.
  std::optional<broadcast_item<T>> next_nowait() { return hub_->next(position_, nullptr, nullptr); }

 private:
  detail::owner_ref<detail::broadcast_actor<T>> image_;  // null where the hub is here
  lean_ref<detail::broadcast_actor<T>> hub_;
  std::uint64_t position_;
};

/// A hub; copies of this object are the same hub. Any thread of its runtime.
///
/// Publishing never waits: the newest `capacity` items are kept for subscribers that lag. When the
/// last copy is gone it is closed. The message face, for a `T` that can be copied: `(publish, T)`
/// publishes; a CAF actor that sends `(subscribe)` is sent `(publish, T)` for every item from then
/// on, until `(unsubscribe)` or its end, and `(publish_end)` at the close. Its mailbox is its own:
/// what it does not handle piles up there, and no lag is told. `(close_source)` closes it.
///
/// In another process (`T` travels in messages then) `publish` and `close` are sent and go on, so
/// that their errors are not seen. A subscription is the same, from the moment when the hub has
/// heard of it; the kept items are those in the reader's process, so none waits for the connection.
/// When that is lost, and all was read, it throws broken_promise. Such a handle is none whose end
/// closes the hub.
template <class T>
class broadcast {
 public:
  explicit broadcast(std::size_t capacity)
      : broadcast(detail::system_here("broadcast"), capacity) {}
  broadcast(caf::actor_system& system, std::size_t capacity)
      : actor_(detail::make_broker<detail::broadcast_actor<T>>(system, capacity)) {}
  /// The hub whose `actor()` that is, here or in another process. Throws std::invalid_argument when
  /// it is none of this type.
  static broadcast at(const caf::actor& whom) {
    static_assert(detail::sendable<T>, "items of this type cannot travel in messages");
    return broadcast(detail::broker_ref<detail::broadcast_actor<T>>(whom, "broadcast"));
  }

  /// Throws queue_shutdown after close.
  void publish(const T& item) const {
    if constexpr (detail::sendable<T>)
      if (actor_.far()) return detail::tell(actor_.ref(), buskin::publish::value, item);
    actor_->publish(item);
  }
  /// From the next item on. One in another process: inside a running runtime.
  buskin::subscription<T> subscribe() const {
    if constexpr (detail::sendable<T>)
      if (actor_.far()) return buskin::subscription<T>(detail::image_of<T>(actor_.ref()));
    return buskin::subscription<T>(actor_.ref().local());
  }
  /// No more items; subscribers read what is kept, then get queue_shutdown.
  void close() const {
    actor_.far() ? detail::tell(actor_.ref(), close_source::value) : actor_->close();
  }

  caf::actor actor() const { return actor_.ref().handle(); }

 private:
  explicit broadcast(detail::broker_ref<detail::broadcast_actor<T>> found) noexcept
      : actor_(std::move(found)) {}
  detail::owner_ref<detail::broadcast_actor<T>> actor_;
};

}  // namespace buskin
