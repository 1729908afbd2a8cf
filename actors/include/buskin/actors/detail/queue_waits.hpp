// The waits for a queue, of whatever kind: to get, to put, and for everything to be done.
#pragma once

#include <buskin/actors/detail/broker.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include <coroutine>
#include <exception>
#include <optional>
#include <source_location>
#include <utility>

namespace buskin {

namespace detail {

template <class Queue>
class [[nodiscard("nothing happens until it is awaited")]] queue_get final : public wait {
  using T = typename Queue::item_type;

 public:
  queue_get(lean_ref<Queue> queue, const std::source_location& where) noexcept
      : wait(wait_kind::queue_get, where, queue->id()), queue_(std::move(queue)) {}
  ~queue_get() {
    if (waiting_ && !taken_) queue_->withdraw(*waiting_);
  }
  bool ready() noexcept override { return waiting_->resolved(); }
  bool withdraw() noexcept override {
    queue_->withdraw(*waiting_);
    taken_ = true;
    return true;
  }
  bool await_ready() {
    auto item = queue_->get_or_wait(host_here("queue::get"), waiting_);
    if (item)
      item_.emplace(std::move(*item));  // not assigned: a T that can only be constructed will do
    return item_.has_value();
  }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  T await_resume() {
    if (item_) return std::move(*item_);
    if (auto reason = interruption()) std::rethrow_exception(reason);
    taken_ = true;
    if (waiting_->error()) std::rethrow_exception(waiting_->error());
    return std::move(*waiting_->value());
  }

 private:
  lean_ref<Queue> queue_;
  cell_ref<cell<T>> waiting_;
  std::optional<T> item_;
  bool taken_ = false;  // the outcome is ours, or was given up
};

template <class Queue>
class [[nodiscard("nothing happens until it is awaited")]] queue_put final : public wait {
  using T = typename Queue::item_type;

 public:
  queue_put(lean_ref<Queue> queue, T item, const std::source_location& where)
      : wait(wait_kind::queue_put, where, queue->id()),
        queue_(std::move(queue)),
        item_(std::move(item)) {}
  ~queue_put() {
    if (waiting_ && !waiting_->resolved()) queue_->withdraw(*waiting_);
  }
  bool ready() noexcept override { return waiting_->resolved(); }
  bool withdraw() noexcept override { return queue_->withdraw(*waiting_); }
  bool await_ready() { return queue_->put_or_wait(item_, host_here("queue::put"), waiting_); }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume() {
    if (!waiting_) return;
    // An item that got in stays in, also when a cancellation came in the same turn; that surfaces
    // at the next suspension.
    if (waiting_->resolved()) {
      if (waiting_->error()) std::rethrow_exception(waiting_->error());
      return;
    }
    if (auto reason = interruption()) std::rethrow_exception(reason);
  }

 private:
  lean_ref<Queue> queue_;
  cell_ref<typename Queue::putter> waiting_;
  T item_;
};

class done_wait : public wait {
 public:
  bool ready() noexcept override { return !waiting_ || waiting_->resolved(); }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume() {
    if (auto reason = interruption()) std::rethrow_exception(reason);
  }

 protected:
  using wait::wait;
  ~done_wait() = default;
  cell_ref<cell<unit>> waiting_;
};

template <class Queue>
class [[nodiscard("nothing happens until it is awaited")]] queue_join final : public done_wait {
 public:
  queue_join(lean_ref<Queue> queue, const std::source_location& where) noexcept
      : done_wait(wait_kind::other, where, queue->id()), queue_(std::move(queue)) {}
  ~queue_join() {
    if (this->waiting_) queue_->withdraw(*this->waiting_);
  }
  bool withdraw() noexcept override {
    queue_->withdraw(*this->waiting_);
    return true;
  }
  bool await_ready() {
    this->waiting_ = queue_->wait_until_done(host_here("queue::join"));
    return !this->waiting_;
  }

 private:
  lean_ref<Queue> queue_;
};

}  // namespace detail

}  // namespace buskin
