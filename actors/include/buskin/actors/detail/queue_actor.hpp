// The broker behind queues of all kinds.
#pragma once

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/queue_marks.hpp>
#include <buskin/actors/detail/queue_text.hpp>
#include <buskin/actors/detail/returnable.hpp>
#include <buskin/actors/detail/waiters.hpp>
#include <buskin/actors/queue_end.hpp>
#include <buskin/actors/queue_options.hpp>
#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/detail/watchdog.hpp>
#include <buskin/runtime/errors.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace buskin {

namespace detail {

/// `Items` says in which order they come out; see queue_items.hpp.
template <class T, class Items>
class queue_actor final : public broker {
 public:
  using item_type = T;
  using getter = cell<T>;

  /// An item that waits for room. The item is in the cell until then.
  class putter : public cell<unit> {
   public:
    putter(stack_host* host, T value) : cell<unit>(host), item(std::move(value)) {}
    T item;
  };

  queue_actor(caf::actor_config& config, queue_options options)
      : broker(config, Items::kind),
        capacity_(options.capacity == 0 && !options.rendezvous ? unbounded : options.capacity),
        when_full_(options.when_full),
        marks_(options) {}

  static constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

  // -- operations; any thread ---------------------------------------------------------------------

  /// Takes the next item, if there is one. Throws queue_shutdown when none will come.
  std::optional<T> try_get() {
    guard lock(*this);
    return take();
  }

  /// The next item at once, or `waiting` is entered in the line.
  std::optional<T> get_or_wait(stack_host& host, cell_ref<getter>& waiting) {
    guard lock(*this);
    auto item = take();
    if (!item) {
      waiting = cell_ref<getter>::adopt(new getter(&host));
      getters_.push(waiting);
    }
    return item;
  }

  /// False, and `item` untouched, when there is no room. Throws queue_full where a full queue
  /// refuses.
  bool try_put(T& item) {
    std::optional<T> dropped;  // destroyed after the lock is given up
    guard lock(*this);
    return give(item, dropped);
  }

  bool put_or_wait(T& item, stack_host& host, cell_ref<putter>& waiting) {
    std::optional<T> dropped;
    guard lock(*this);
    if (give(item, dropped)) return true;
    waiting = cell_ref<putter>::adopt(new putter(&host, std::move(item)));
    putters_.push(waiting);
    return false;
  }

  /// A getter gives up. What it was granted already goes to the next one, or back to the front.
  void withdraw(getter& waiting) {
    std::optional<T> dropped;
    guard lock(*this);
    if (waiting.abandon())
      getters_.erase(waiting);
    else if (waiting.value())
      take_back(std::move(*waiting.value()), dropped);
  }
  /// So does one that asked by a message: the answer was not taken.
  void come_back(T&& item, const caf::actor_addr&) {
    std::optional<T> dropped;
    guard lock(*this);
    take_back(std::move(item), dropped);
  }

  /// A putter gives up; its item was not put. False when it was.
  bool withdraw(putter& waiting) {
    guard lock(*this);
    if (!waiting.abandon()) return false;
    putters_.erase(waiting);
    return true;
  }

  void task_done() {
    guard lock(*this);
    if (unfinished_ == 0)
      throw invalid_state("task_done was called more often than items were put");
    if (--unfinished_ == 0) joiners_.wake();
  }

  /// Empty when nothing is unfinished.
  cell_ref<cell<unit>> wait_until_done(stack_host& host) {
    guard lock(*this);
    if (unfinished_ == 0) return {};
    return joiners_.enlist(host);
  }
  void withdraw(cell<unit>& waiting) {
    guard lock(*this);
    joiners_.withdraw(waiting);
  }

  void shut_down(queue_end how) {
    Items dropped;  // destroyed after the lock is given up
    guard lock(*this);
    ended_ = true;
    if (how == queue_end::immediate) {
      dropping_ = true;
      unfinished_ -= items_.size();
      std::swap(dropped, items_);
      if (unfinished_ == 0) joiners_.wake();
    }
    while (auto waiting = putters_.pop()) waiting->fail(std::make_exception_ptr(queue_shutdown()));
    if (items_.empty())
      while (auto waiting = getters_.pop())
        waiting->fail(std::make_exception_ptr(queue_shutdown()));
  }

  std::size_t size() const {
    guard lock(*this);
    return items_.size();
  }
  std::size_t getter_count() const {
    guard lock(*this);
    return getters_.size();
  }
  std::size_t putter_count() const {
    guard lock(*this);
    return putters_.size();
  }
  std::size_t capacity() const noexcept { return capacity_ == unbounded ? 0 : capacity_; }
  bool rendezvous() const noexcept { return capacity_ == 0; }
  std::uint64_t dropped_count() const {
    guard lock(*this);
    return dropped_;
  }
  std::uint64_t high_water_count() const {
    guard lock(*this);
    return marks_.crossings();
  }

  /// What it is made of, at one moment. `show(item)` gives an item's text.
  template <class F>
  std::string text(const std::string& name, F show) const {
    guard lock(*this);
    queue_text text(rendezvous() ? "rendezvous " + name : name, items_.size(), capacity());
    items_.each([&](const T& item) { text.add(show(item)); });
    return text.with(getters_.size(), putters_.size(), ended_);
  }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    const auto& content = element->content();
    if (content.match_elements<item_done>()) {
      answer(*element, [&] { task_done(); });
    } else if (content.match_elements<await_done>()) {
      guard lock(*this);
      const auto reply =
          cell_ref<cell<unit>>::adopt(new reply_cell<unit>(*this, requester(*element)));
      if (unfinished_ == 0)
        reply->resolve(unit{});
      else
        joiners_.enlist(reply);
    } else if (content.match_elements<shut_down_queue>()) {
      answer(*element, [&] { shut_down(queue_end::graceful); });
    } else if (content.match_elements<drop_queue>()) {
      answer(*element, [&] { shut_down(queue_end::immediate); });
    } else if (content.match_elements<withdraw_request, std::uint64_t>()) {
      take_out(withdrawn_by(*element));
    } else if (!on_item_message(*element)) {
      refuse(*element);
    }
  }

 private:
  using get_request = returnable_reply<getter, T, queue_actor>;

  class put_request final : public putter {
   public:
    put_request(queue_actor& from, requester asker, T value)
        : putter(nullptr, std::move(value)), from_(from), asker_(std::move(asker)) {}
    bool answers(const request_key& request) const noexcept override { return asker_.is(request); }
    void deliver() override {
      asker_.answer(this->error() ? caf::make_message(to_error(this->error())) : caf::message());
    }

   protected:
    void on_resolved() override { from_.leave_later(*this); }

   private:
    queue_actor& from_;
    requester asker_;
  };

  /// Does what a message says and answers nothing, or what went wrong.
  template <class F>
  void answer(caf::mailbox_element& element, F operation) {
    try {
      operation();
      respond(element, caf::message());
    } catch (...) {
      respond(element, caf::make_message(to_error(std::current_exception())));
    }
  }

  /// False when the message is not about an item, or items cannot travel in messages.
  bool on_item_message(caf::mailbox_element& element) {
    if constexpr (sendable<T>) {
      auto& content = element.content();
      if (content.match_elements<get_item>()) {
        guard lock(*this);
        const auto reply =
            cell_ref<getter>::adopt(new get_request(*this, requester(element), nullptr));
        try {
          if (auto item = take())
            reply->resolve(*item);
          else
            getters_.push(reply);
        } catch (const queue_shutdown&) {
          reply->fail(std::current_exception());
        }
        return true;
      }
      if (content.match_elements<put_item, T>()) {
        answer_put(element, content.get_as<T>(1));
        return true;
      }
      if (content.match_elements<return_answer, T>()) {
        come_back(T(content.get_as<T>(1)), caf::actor_cast<caf::actor_addr>(element.sender));
        return true;
      }
    }
    return false;
  }

  void take_out(const request_key& request) {
    guard lock(*this);
    static_cast<void>(getters_.dismiss(request, withdrawn()) ||
                      putters_.dismiss(request, withdrawn()) ||
                      joiners_.dismiss(request, withdrawn()));
  }

  void answer_put(caf::mailbox_element& element, T item) {
    std::optional<T> dropped;
    guard lock(*this);
    try {
      if (give(item, dropped)) {
        respond(element, caf::message());
        return;
      }
      // No room: the item waits as a task's would, and the answer comes when it is in.
      putters_.push(
          cell_ref<putter>::adopt(new put_request(*this, requester(element), std::move(item))));
    } catch (...) {
      respond(element, caf::make_message(to_error(std::current_exception())));
    }
  }

  // -- with the lock held -----------------------------------------------------------------------

  std::optional<T> take() {
    if (items_.empty()) {
      if (ended_) throw queue_shutdown();
      return take_from_putter();
    }
    std::optional<T> item(items_.pop());
    refill();
    marks_.fell_to(items_.size());
    note_queue(*this, items_.size());
    if (ended_ && items_.empty())
      while (auto waiting = getters_.pop())
        waiting->fail(std::make_exception_ptr(queue_shutdown()));
    return item;
  }

  /// Of a rendezvous. In others nobody waits to put while there is no item.
  std::optional<T> take_from_putter() {
    while (auto waiting = putters_.pop()) {
      if (!waiting->resolve(unit{})) continue;
      ++unfinished_;
      return std::move(waiting->item);
    }
    return std::nullopt;
  }

  bool hand_over(T& item) {
    while (auto waiting = getters_.pop())
      if (!waiting->deserted() && waiting->resolve(item)) return true;
    return false;
  }

  bool give(T& item, std::optional<T>& dropped) {
    if (ended_) throw queue_shutdown();
    if (hand_over(item)) {
      ++unfinished_;
      return true;
    }
    if (items_.size() >= capacity_ && !overflow_with(item, dropped))
      return when_full_ != overflow::wait;
    enter(std::move(item));
    return true;
  }

  /// There is no room for `item`. True when it gets in nevertheless.
  bool overflow_with(T& item, std::optional<T>& dropped) {
    switch (when_full_) {
      case overflow::wait:
        return false;
      case overflow::refuse:
        throw queue_full();
      case overflow::drop_newest:
        dropped.emplace(std::move(item));
        ++dropped_;
        return false;
      case overflow::drop_oldest:
        dropped.emplace(items_.drop_oldest());
        ++dropped_;
        --unfinished_;
        return true;
    }
    return false;
  }

  void enter(T&& item) {
    items_.push(std::move(item));
    ++unfinished_;
    if (marks_.rose_to(items_.size())) marks_.announce(*this, items_.size());
    note_queue(*this, items_.size());
  }

  /// Room was made: the putters that wait longest put.
  void refill() {
    while (items_.size() < capacity_) {
      auto waiting = putters_.pop();
      if (!waiting) return;
      if (!waiting->resolve(unit{})) continue;
      enter(std::move(waiting->item));
    }
  }

  /// An item that was handed out comes back. It counts as unfinished already.
  void take_back(T&& item, std::optional<T>& dropped) {
    if (hand_over(item)) return;
    const bool drops = when_full_ == overflow::drop_oldest || when_full_ == overflow::drop_newest;
    const bool no_room = drops && items_.size() >= capacity_;
    if (dropping_ || no_room) {  // too late to be taken by anybody
      dropped.emplace(std::move(item));
      if (no_room) ++dropped_;
      if (--unfinished_ == 0) joiners_.wake();
      return;
    }
    items_.put_back(std::move(item));
  }

  const std::size_t capacity_;  // 0: a rendezvous
  const overflow when_full_;
  // All guarded by the broker's lock. Whenever somebody waits to get, there is no item and nobody
  // waits to put; to put, no room.
  Items items_;
  waiting_line<getter> getters_;
  waiting_line<putter> putters_;
  waiters joiners_;
  queue_marks marks_;
  std::uint64_t dropped_ = 0;
  std::size_t unfinished_ = 0;
  bool ended_ = false;
  bool dropping_ = false;  // ended at once: items that come back are dropped as well
};

}  // namespace detail

}  // namespace buskin
