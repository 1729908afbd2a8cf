// One to many: every subscriber sees every item published after it subscribed, and is told how many
// it missed when it was too slow. The shape of tokio's broadcast channel, as an actor.
#pragma once

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/owner_ref.hpp>
#include <buskin/actors/detail/waiters.hpp>
#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/errors.hpp>

#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <exception>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace buskin {

/// An item, and how many were missed between the one before and this one.
template <class T>
struct broadcast_item {
  T value;
  std::uint64_t missed = 0;
};

namespace detail {

template <class T>
class broadcast_actor final : public owned_broker {
 public:
  broadcast_actor(caf::actor_config& config, std::size_t capacity)
      : owned_broker(config, "buskin.broadcast"), capacity_(capacity) {
    if (capacity_ == 0)
      throw std::invalid_argument("a broadcast keeps at least one item for slow subscribers");
  }

  void publish(const T& item) {
    receivers to;
    {
      guard lock(*this);
      if (ended_) throw queue_shutdown();
      if (items_.size() == capacity_) {
        items_.pop_front();
        ++first_;
      }
      items_.push_back(item);
      readers_.wake();
      to = living_listeners();
    }
    if constexpr (sendable<T>)
      for (const auto& receiver : to)
        receiver->enqueue(
            make_element(nullptr, caf::make_message_id(), buskin::publish::value, item),
            unit_here());
  }

  void close() {
    receivers to;
    {
      guard lock(*this);
      if (ended_) return;
      ended_ = true;
      readers_.wake();
      to = living_listeners();
      listeners_.clear();
    }
    for (const auto& receiver : to)
      receiver->enqueue(make_element(nullptr, caf::make_message_id(), buskin::publish_end::value),
                        unit_here());
  }

  std::uint64_t end() const {
    guard lock(*this);
    return first_ + items_.size();
  }

  /// The item at `position`, or the oldest that is left; moves `position` behind it. None: not
  /// published yet, and `waiting` (if wanted) is entered in the line. Throws queue_shutdown when no
  /// item will come.
  std::optional<broadcast_item<T>> next(std::uint64_t& position, stack_host* host,
                                        cell_ref<cell<unit>>* waiting) {
    guard lock(*this);
    if (position >= first_ + items_.size()) {
      if (ended_) throw queue_shutdown();
      if (waiting != nullptr) *waiting = readers_.enlist(*host);
      return std::nullopt;
    }
    const std::uint64_t missed = first_ > position ? first_ - position : 0;
    position += missed;
    broadcast_item<T> item{items_[static_cast<std::size_t>(position - first_)], missed};
    ++position;
    return item;
  }

  void withdraw(cell<unit>& waiting) {
    guard lock(*this);
    readers_.withdraw(waiting);
  }

 protected:
  void disowned() noexcept override { close(); }

  void on_message(caf::mailbox_element_ptr& element) override {
    const auto& content = element->content();
    try {
      if (content.match_elements<buskin::subscribe>() && element->sender)
        add_listener(caf::actor_cast<caf::actor_addr>(element->sender));
      else if (content.match_elements<buskin::unsubscribe>() && element->sender)
        remove_listener(caf::actor_cast<caf::actor_addr>(element->sender));
      else if (!publish_message(content)) {
        refuse(*element);
        return;
      }
      respond(*element, caf::message());
    } catch (const queue_shutdown&) {
      respond(*element, caf::make_message(to_error(std::current_exception())));
    }
  }

 private:
  using receivers = std::vector<caf::strong_actor_ptr>;

  void add_listener(const caf::actor_addr& who) {
    guard lock(*this);
    if (ended_) throw queue_shutdown();
    if (std::find(listeners_.begin(), listeners_.end(), who) == listeners_.end())
      listeners_.push_back(who);
  }
  void remove_listener(const caf::actor_addr& who) {
    guard lock(*this);
    std::erase(listeners_, who);
  }
  bool publish_message(const caf::type_erased_tuple& content) {
    if constexpr (sendable<T>)
      if (content.match_elements<buskin::publish, T>()) {
        publish(content.get_as<T>(1));
        return true;
      }
    return false;
  }
  /// With the lock held; forgets the others.
  receivers living_listeners() {
    receivers living;
    std::erase_if(listeners_, [&](const caf::actor_addr& listener) {
      auto actor = caf::actor_cast<caf::strong_actor_ptr>(listener);
      if (!actor || actor->get()->getf(caf::abstract_actor::is_terminated_flag)) return true;
      living.push_back(std::move(actor));
      return false;
    });
    return living;
  }

  const std::size_t capacity_;
  // All guarded by the broker's lock.
  std::deque<T> items_;
  std::uint64_t first_ = 0;  // the number of items_.front()
  waiters readers_;
  std::vector<caf::actor_addr> listeners_;
  bool ended_ = false;
};

template <class T>
class [[nodiscard("nothing happens until it is awaited")]] broadcast_next final : public wait {
 public:
  broadcast_next(lean_ref<broadcast_actor<T>> hub, std::uint64_t & position,
                 const std::source_location& where) noexcept
      : wait(wait_kind::broadcast, where, hub->id()), hub_(std::move(hub)), position_(position) {}
  ~broadcast_next() {
    if (waiting_) hub_->withdraw(*waiting_);
  }
  bool ready() noexcept override { return waiting_->resolved(); }
  bool withdraw() noexcept override {
    hub_->withdraw(*waiting_);
    return true;
  }
  bool await_ready() {
    item_ = hub_->next(position_, &host_here("subscription::next"), &waiting_);
    return item_.has_value();
  }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  broadcast_item<T> await_resume() {
    if (!item_) {
      if (auto reason = interruption()) std::rethrow_exception(reason);
      item_ = hub_->next(position_, nullptr, nullptr);
    }
    return std::move(*item_);
  }

 private:
  lean_ref<broadcast_actor<T>> hub_;
  std::uint64_t& position_;
  cell_ref<cell<unit>> waiting_;
  std::optional<broadcast_item<T>> item_;
};

}  // namespace detail

/// A place in a broadcast. One task reads it; it must outlive the awaits on it.
template <class T>
class subscription {
 public:
  explicit subscription(lean_ref<detail::broadcast_actor<T>> hub)
      : hub_(std::move(hub)), position_(hub_->end()) {}

  /// Awaits the next item. When the subscriber fell more than the broadcast's capacity behind, the
  /// oldest kept item comes, with the number of those that were missed. Throws queue_shutdown when
  /// the broadcast was closed and all was read. Cancellation: reads nothing.
  detail::broadcast_next<T> next(std::source_location where = std::source_location::current()) {
    return {hub_, position_, where};
  }
  /// The next item if there is one.
  std::optional<broadcast_item<T>> next_nowait() { return hub_->next(position_, nullptr, nullptr); }

 private:
  lean_ref<detail::broadcast_actor<T>> hub_;
  std::uint64_t position_;
};

/// A hub; copies of this object are the same hub. Any thread of its runtime.
///
/// Publishing never waits: the newest `capacity` items are kept for subscribers that lag. When the
/// last copy is gone it is closed. The message face, for a `T` that can be copied: `(publish, T)`
/// publishes; a CAF actor that sends `(subscribe)` is sent `(publish, T)` for every item from then
/// on, until `(unsubscribe)` or its end, and `(publish_end)` at the close. Its mailbox is its own:
/// what it does not handle piles up there, and no lag is told.
template <class T>
class broadcast {
 public:
  explicit broadcast(std::size_t capacity)
      : broadcast(detail::system_here("broadcast"), capacity) {}
  broadcast(caf::actor_system& system, std::size_t capacity)
      : actor_(detail::make_broker<detail::broadcast_actor<T>>(system, capacity)) {}

  /// Throws queue_shutdown after close.
  void publish(const T& item) const { actor_->publish(item); }
  /// From the next item on.
  buskin::subscription<T> subscribe() const { return buskin::subscription<T>(actor_.ref()); }
  /// No more items; subscribers read what is kept, then get queue_shutdown.
  void close() const { actor_->close(); }

  caf::actor actor() const { return actor_.ref().handle(); }

 private:
  detail::owner_ref<detail::broadcast_actor<T>> actor_;
};

}  // namespace buskin
