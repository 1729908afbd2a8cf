// The broker behind a broadcast, and its image in another process.
#pragma once

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/broker_ref.hpp>
#include <buskin/actors/detail/owner_ref.hpp>
#include <buskin/actors/detail/waiters.hpp>
#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/errors.hpp>

#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_proxy.hpp>

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <optional>
#include <source_location>
#include <stdexcept>
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

/// What does not depend on the items' type: being the image of a hub in another process. An image
/// publishes what it is sent from there, and is closed, or lost, when that one is.
class broadcast_base : public owned_broker {
 public:
  explicit broadcast_base(caf::actor_config& config) : owned_broker(config, "buskin.broadcast") {}

  /// Makes it one. Before anybody else uses it.
  void follow(const any_broker_ref& hub);
  void close() { close_with(nullptr); }

 protected:
  void disowned() noexcept override;
  /// No more items: whoever has read all gets `why`, or queue_shutdown for null.
  virtual void close_with(std::exception_ptr why) = 0;
  bool is_image() const noexcept { return static_cast<bool>(hub_); }

 private:
  class hub_watch;
  caf::strong_actor_ptr hub_;  // null for a hub itself; written by `follow` only
};

template <class T>
class broadcast_actor final : public broadcast_base {
 public:
  broadcast_actor(caf::actor_config& config, std::size_t capacity)
      : broadcast_base(config), capacity_(capacity) {
    if (capacity_ == 0)
      throw std::invalid_argument("a broadcast keeps at least one item for slow subscribers");
  }

  void publish(const T& item) {
    receivers to;
    {
      guard lock(*this);
      if (ended_) throw queue_shutdown();
      if (items_.size() >= capacity_) {
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
      if (why_) std::rethrow_exception(why_);
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
  void close_with(std::exception_ptr why) override {
    receivers to;
    {
      guard lock(*this);
      if (ended_) return;
      ended_ = true;
      why_ = std::move(why);
      readers_.wake();
      to = living_listeners();
      listeners_.clear();
    }
    for (const auto& receiver : to) tell_the_end(receiver);
  }

  void on_message(caf::mailbox_element_ptr& element) override {
    const auto& content = element->content();
    try {
      if (content.match_elements<buskin::subscribe>() && element->sender)
        add_listener(element->sender);
      else if (content.match_elements<buskin::unsubscribe>() && element->sender)
        remove_listener(element->sender);
      else if (content.match_elements<buskin::follow_broadcast>() && element->sender)
        add_image(element->sender);
      else if (content.match_elements<buskin::close_source>())
        close();
      else if (!publish_message(content) && !message_to_image(content)) {
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

  struct listener {
    caf::actor_addr who;
    caf::strong_actor_ptr
        proxy;  // of an actor elsewhere: its end is not that of the references here
  };

  void add_listener(const caf::strong_actor_ptr& who) {
    const bool far = dynamic_cast<caf::actor_proxy*>(who->get()) != nullptr;
    guard lock(*this);
    if (ended_) throw queue_shutdown();
    if (std::none_of(listeners_.begin(), listeners_.end(),
                     [&](const listener& each) { return each.who == who; }))
      listeners_.push_back({caf::actor_cast<caf::actor_addr>(who), far ? who : nullptr});
  }
  /// Before the first item it learns how many to keep.
  void add_image(const caf::strong_actor_ptr& who) {
    who->enqueue(make_element(nullptr, caf::make_message_id(), buskin::follow_broadcast::value,
                              static_cast<std::uint64_t>(capacity_)),
                 unit_here());
    try {
      add_listener(who);
    } catch (const queue_shutdown&) {
      tell_the_end(who);
    }
  }
  bool message_to_image(const caf::type_erased_tuple& content) {
    if (!is_image()) return false;
    if (content.match_elements<buskin::publish_end>()) {
      close();
      return true;
    }
    if (!content.match_elements<buskin::follow_broadcast, std::uint64_t>()) return false;
    guard lock(*this);
    capacity_ = static_cast<std::size_t>(content.get_as<std::uint64_t>(1));
    return true;
  }
  static void tell_the_end(const caf::strong_actor_ptr& whom) {
    whom->enqueue(make_element(nullptr, caf::make_message_id(), buskin::publish_end::value),
                  unit_here());
  }
  void remove_listener(const caf::strong_actor_ptr& who) {
    guard lock(*this);  // the sender is referred to by its message
    std::erase_if(listeners_, [&](const listener& each) { return each.who == who; });
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
    std::erase_if(listeners_, [&](const listener& each) {
      auto actor = caf::actor_cast<caf::strong_actor_ptr>(each.who);
      if (!actor || actor->get()->getf(caf::abstract_actor::is_terminated_flag)) return true;
      living.push_back(std::move(actor));
      return false;
    });
    return living;
  }

  // All guarded by the broker's lock. That of a hub does not change, and is read without.
  std::size_t capacity_;
  std::deque<T> items_;
  std::uint64_t first_ = 0;  // the number of items_.front()
  waiters readers_;
  std::vector<listener> listeners_;
  bool ended_ = false;
  std::exception_ptr why_;  // what an image was lost with
};

/// The image of a hub in another process. Its owners are those who read it.
template <class T>
owner_ref<broadcast_actor<T>> image_of(const any_broker_ref& hub) {
  owner_ref<broadcast_actor<T>> image(
      make_broker<broadcast_actor<T>>(system_here("broadcast::subscribe"), 1U));
  image->follow(hub);
  return image;
}

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

}  // namespace buskin
