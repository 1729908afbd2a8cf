// The broker behind a queue.
#pragma once

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/waiters.hpp>
#include <buskin/actors/queue_end.hpp>
#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/errors.hpp>

#include <cstddef>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace buskin {

namespace detail {

template <class T>
class queue_actor final : public broker {
 public:
  using getter = cell<T>;

  /// An item that waits for room. The item is in the cell until then.
  class putter : public cell<unit> {
   public:
    putter(stack_host* host, T value) : cell<unit>(host), item(std::move(value)) {}
    T item;
  };

  queue_actor(caf::actor_config& config, std::size_t capacity)
      : broker(config, "buskin.queue"), capacity_(capacity == 0 ? unbounded : capacity) {}

  static constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

  // -- operations; any thread ---------------------------------------------------------------------

  /// Takes the oldest item, if there is one. Throws queue_shutdown when none will come.
  std::optional<T> try_get() {
    guard lock(state_mutex_);
    return take();
  }

  /// The oldest item at once, or `waiting` is entered in the line.
  std::optional<T> get_or_wait(stack_host& host, cell_ref<getter>& waiting) {
    guard lock(state_mutex_);
    auto item = take();
    if (!item) {
      waiting = cell_ref<getter>::adopt(new getter(&host));
      getters_.push(waiting);
    }
    return item;
  }

  /// False, and `item` untouched, when there is no room.
  bool try_put(T& item) {
    guard lock(state_mutex_);
    return give(item);
  }

  bool put_or_wait(T& item, stack_host& host, cell_ref<putter>& waiting) {
    guard lock(state_mutex_);
    if (give(item)) return true;
    waiting = cell_ref<putter>::adopt(new putter(&host, std::move(item)));
    putters_.push(waiting);
    return false;
  }

  /// A getter gives up. What it was granted already goes to the next one, or back to the front.
  void withdraw(getter& waiting) {
    guard lock(state_mutex_);
    if (waiting.abandon())
      getters_.erase(waiting);
    else if (waiting.value())
      take_back(std::move(*waiting.value()));
  }

  /// A putter gives up; its item was not put. False when it was.
  bool withdraw(putter& waiting) {
    guard lock(state_mutex_);
    if (!waiting.abandon()) return false;
    putters_.erase(waiting);
    return true;
  }

  void task_done() {
    guard lock(state_mutex_);
    if (unfinished_ == 0)
      throw invalid_state("task_done was called more often than items were put");
    if (--unfinished_ == 0) joiners_.wake();
  }

  /// Empty when nothing is unfinished.
  cell_ref<cell<unit>> wait_until_done(stack_host& host) {
    guard lock(state_mutex_);
    if (unfinished_ == 0) return {};
    return joiners_.enlist(host);
  }
  void withdraw(cell<unit>& waiting) {
    guard lock(state_mutex_);
    joiners_.withdraw(waiting);
  }

  void shut_down(queue_end how) {
    std::deque<T> dropped;  // destroyed after the lock is given up
    guard lock(state_mutex_);
    ended_ = true;
    if (how == queue_end::immediate) {
      dropping_ = true;
      unfinished_ -= items_.size();
      dropped.swap(items_);
      if (unfinished_ == 0) joiners_.wake();
    }
    while (auto waiting = putters_.pop()) waiting->fail(std::make_exception_ptr(queue_shutdown()));
    if (items_.empty())
      while (auto waiting = getters_.pop())
        waiting->fail(std::make_exception_ptr(queue_shutdown()));
  }

  std::size_t size() const {
    guard lock(state_mutex_);
    return items_.size();
  }
  std::size_t getters() const {
    guard lock(state_mutex_);
    return getters_.size();
  }
  std::size_t putters() const {
    guard lock(state_mutex_);
    return putters_.size();
  }
  std::size_t capacity() const noexcept { return capacity_ == unbounded ? 0 : capacity_; }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    if constexpr (sendable<T>) {
      auto& content = element->content();
      if (content.match_elements<get_item>()) {
        guard lock(state_mutex_);
        answer<T>(*element, getters_, [&](cell<T>& reply) {
          auto item = take();
          return item && reply.resolve(*item);
        });
        return;
      }
      if (content.match_elements<put_item, T>()) {
        guard lock(state_mutex_);
        T item = content.get_as<T>(1);
        try {
          if (give(item)) {
            respond(*element, caf::message());
            return;
          }
          // No room: the item waits as a task's would, and the answer comes when it is in.
          auto waiting =
              cell_ref<putter>::adopt(new put_request(requester(*element), std::move(item)));
          putters_.push(waiting);
        } catch (const queue_shutdown&) {
          respond(*element, caf::make_message(to_error(std::current_exception())));
        }
        return;
      }
    }
    refuse(*element);
  }

 private:
  class put_request final : public putter {
   public:
    put_request(requester asker, T value)
        : putter(nullptr, std::move(value)), asker_(std::move(asker)) {}

   protected:
    void on_resolved() override {
      asker_.answer(this->error() ? caf::make_message(to_error(this->error())) : caf::message());
    }

   private:
    requester asker_;
  };

  /// Serves a request from a message: at once, or as a waiter in `line`.
  template <class R, class Serve>
  void answer(caf::mailbox_element& element, waiting_line<cell<R>>& line, Serve serve) {
    auto reply = cell_ref<cell<R>>::adopt(new reply_cell<R>(requester(element)));
    try {
      if (!serve(*reply)) line.push(reply);
    } catch (...) {
      reply->fail(std::current_exception());
    }
  }

  std::optional<T> take() {
    if (items_.empty()) {
      if (ended_) throw queue_shutdown();
      return std::nullopt;
    }
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    refill();
    if (ended_ && items_.empty())
      while (auto waiting = getters_.pop())
        waiting->fail(std::make_exception_ptr(queue_shutdown()));
    return item;
  }

  bool give(T& item) {
    if (ended_) throw queue_shutdown();
    while (auto waiting = getters_.pop())
      if (!waiting->deserted() && waiting->resolve(item)) {
        ++unfinished_;
        return true;
      }
    if (items_.size() >= capacity_) return false;
    items_.push_back(std::move(item));
    ++unfinished_;
    return true;
  }

  /// Room was made: the putters that wait longest put.
  void refill() {
    while (items_.size() < capacity_) {
      auto waiting = putters_.pop();
      if (!waiting) return;
      if (!waiting->resolve(unit{})) continue;
      items_.push_back(std::move(waiting->item));
      ++unfinished_;
    }
  }

  /// An item that was handed out comes back. It counts as unfinished already.
  void take_back(T item) {
    while (auto waiting = getters_.pop())
      if (!waiting->deserted() && waiting->resolve(item)) return;
    if (dropping_) {  // too late to be taken by anybody
      if (--unfinished_ == 0) joiners_.wake();
      return;
    }
    items_.push_front(std::move(item));
  }

  const std::size_t capacity_;
  // All guarded by state_mutex_. Whenever somebody waits to get, there is no item; to put, no room.
  std::deque<T> items_;
  waiting_line<getter> getters_;
  waiting_line<putter> putters_;
  waiters joiners_;
  std::size_t unfinished_ = 0;
  bool ended_ = false;
  bool dropping_ = false;  // ended at once: items that come back are dropped as well
};

}  // namespace detail

}  // namespace buskin
