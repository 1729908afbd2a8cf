// The waits for a queue, of whatever kind: to get, to put, and for everything to be done.
#pragma once

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/broker_ref.hpp>
#include <buskin/actors/detail/far_request.hpp>
#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/errors.hpp>

#include <coroutine>
#include <exception>
#include <optional>
#include <source_location>
#include <utility>

namespace buskin {

namespace detail {

/// What the three have in common: a cell here or, for a queue in another process, a far_request.
template <class Queue>
class queue_wait : public wait {
 public:
  bool ready() noexcept override { return waiting_->resolved(); }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }

 protected:
  using T = typename Queue::item_type;

  queue_wait(broker_ref<Queue> queue, wait_kind kind, const std::source_location& where) noexcept
      : wait(kind, where, queue.id()), queue_(std::move(queue)) {}
  ~queue_wait() = default;

  /// Items of a queue elsewhere travel, so nothing is asked of one whose items cannot.
  bool far() const noexcept {
    if constexpr (sendable<T>)
      return queue_.far();
    else
      return false;
  }
  far_request& request() const noexcept { return static_cast<far_request&>(*waiting_); }

  broker_ref<Queue> queue_;
  cell_ref<cell_base> waiting_;
};

template <class Queue>
class [[nodiscard("nothing happens until it is awaited")]] queue_get final
    : public queue_wait<Queue> {
  using typename queue_wait<Queue>::T;
  using getter = cell<T>;

 public:
  queue_get(broker_ref<Queue> queue, const std::source_location& where) noexcept
      : queue_wait<Queue>(std::move(queue), wait_kind::queue_get, where) {}
  ~queue_get() {
    if (this->waiting_ && !taken_) give_up();
  }
  bool withdraw() noexcept override {
    give_up();
    taken_ = true;
    return true;
  }
  bool await_ready() {
    if constexpr (sendable<T>)
      if (this->far()) [[unlikely]] {
        this->waiting_ = far_request::send(this->queue_, "queue::get", get_item::value);
        return false;
      }
    cell_ref<getter> waiting;
    auto item = this->queue_->get_or_wait(host_here("queue::get"), waiting);
    if (item)
      item_.emplace(std::move(*item));  // not assigned: a T that can only be constructed will do
    else
      this->waiting_ = std::move(waiting);
    return item_.has_value();
  }
  T await_resume() {
    if (item_) return std::move(*item_);
    if (auto reason = this->interruption()) std::rethrow_exception(reason);
    taken_ = true;
    if constexpr (sendable<T>)
      if (this->far()) return this->request().template take<T>();
    if (this->waiting_->error()) std::rethrow_exception(this->waiting_->error());
    return std::move(*local().value());
  }

 private:
  getter& local() const noexcept { return static_cast<getter&>(*this->waiting_); }
  void give_up() noexcept {
    this->far() ? this->request().withdraw() : this->queue_->withdraw(local());
  }

  std::optional<T> item_;
  bool taken_ = false;  // the outcome is ours, or was given up
};

template <class Queue>
class [[nodiscard("nothing happens until it is awaited")]] queue_put final
    : public queue_wait<Queue> {
  using typename queue_wait<Queue>::T;
  using putter = typename Queue::putter;

 public:
  queue_put(broker_ref<Queue> queue, T item, const std::source_location& where)
      : queue_wait<Queue>(std::move(queue), wait_kind::queue_put, where), item_(std::move(item)) {}
  ~queue_put() {
    if (this->waiting_ && !this->waiting_->resolved())
      this->far() ? this->request().withdraw() : static_cast<void>(this->queue_->withdraw(local()));
  }
  bool withdraw() noexcept override {
    if (!this->far()) return this->queue_->withdraw(local());
    // Whether the item got in is known there; the answer comes either way.
    if (!this->waiting_->resolved()) this->request().call_back();
    return false;
  }
  bool await_ready() {
    if constexpr (sendable<T>)
      if (this->far()) [[unlikely]] {
        this->waiting_ =
            far_request::send(this->queue_, "queue::put", put_item::value, std::move(item_));
        return false;
      }
    cell_ref<putter> waiting;
    const bool in = this->queue_->put_or_wait(item_, host_here("queue::put"), waiting);
    this->waiting_ = std::move(waiting);
    return in;
  }
  void await_resume() {
    if (!this->waiting_) return;
    // An item that got in stays in, also when a cancellation came in the same turn; that surfaces
    // at the next suspension.
    if (this->waiting_->resolved()) {
      if (this->far()) return take_answer();
      if (this->waiting_->error()) std::rethrow_exception(this->waiting_->error());
      return;
    }
    if (auto reason = this->interruption()) std::rethrow_exception(reason);
  }

 private:
  putter& local() const noexcept { return static_cast<putter&>(*this->waiting_); }
  void take_answer() {
    try {
      this->request().template take<void>();
    } catch (const cancelled&) {
      if (auto reason = this->interruption()) std::rethrow_exception(reason);
      throw;
    }
  }

  T item_;
};

template <class Queue>
class [[nodiscard("nothing happens until it is awaited")]] queue_join final
    : public queue_wait<Queue>{
      public : queue_join(broker_ref<Queue> queue, const std::source_location& where) noexcept :
          queue_wait<Queue>(std::move(queue), wait_kind::other,
                            where){} ~queue_join(){if (this->waiting_) give_up();
}  // namespace detail
bool withdraw() noexcept override {
  give_up();
  return true;
}
bool await_ready() {
  if (this->far()) [[unlikely]]
    this->waiting_ = far_request::send(this->queue_, "queue::join", await_done::value);
  else
    this->waiting_ = this->queue_->wait_until_done(host_here("queue::join"));
  return !this->waiting_;
}
void await_resume() {
  if (auto reason = this->interruption()) std::rethrow_exception(reason);
  if (this->far()) this->request().template take<void>();
}

private:
void give_up() noexcept {
  this->far() ? this->request().withdraw()
              : this->queue_->withdraw(static_cast<cell<unit>&>(*this->waiting_));
}
};  // namespace buskin

}  // namespace detail

}  // namespace buskin
