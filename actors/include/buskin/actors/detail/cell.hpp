// A one-shot place for an outcome: what a broker keeps of somebody who waits.
//
// The waiter abandons it or the broker resolves it, whichever is first; the loser is told. So no
// result is both delivered and timed out, and what a cancelled waiter was granted can be handed on.
#pragma once

#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/counted_ref.hpp>
#include <buskin/runtime/detail/recycler.hpp>
#include <buskin/runtime/errors.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

namespace buskin::detail {

/// Which request a cell is to answer: its number, at the actor whose control block this is.
struct request_key {
  const void* asker;
  std::uint64_t number;
};

class cell_base : public recycled {
 public:
  /// `host` is kept alive until the cell is gone and is signalled when the cell is resolved; null
  /// for none.
  explicit cell_base(stack_host* host) noexcept : host_(host) {
    if (host_ != nullptr) host_->hold();
  }
  cell_base(const cell_base&) = delete;
  cell_base& operator=(const cell_base&) = delete;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  bool resolved() const noexcept {
    return state_.load(std::memory_order_acquire) == state::resolved;
  }
  bool abandoned() const noexcept {
    return state_.load(std::memory_order_acquire) == state::abandoned;
  }

  /// The waiter gives up. False when an outcome is there or about to be.
  bool abandon() noexcept {
    auto expected = state::pending;
    return state_.compare_exchange_strong(expected, state::abandoned, std::memory_order_acq_rel);
  }

  /// Resolves with a failure. False when it was abandoned or resolved before.
  bool fail(std::exception_ptr error) {
    if (!claim()) return false;
    error_ = std::move(error);
    publish();
    return true;
  }

  const std::exception_ptr& error() const noexcept { return error_; }

  /// What is left to be done when the broker's lock was given up; see `broker::guard`.
  virtual void deliver() {}

  /// Whether the waiter ended without giving up: what it would be handed would be lost.
  virtual bool deserted() const noexcept { return false; }

  /// Whether its outcome is the answer to that request.
  virtual bool answers(const request_key&) const noexcept { return false; }

  // Places in a waiting line; guarded by the line's owner.
  cell_base* before = nullptr;
  cell_base* after = nullptr;
  bool queued = false;

 protected:
  virtual ~cell_base() {
    if (host_ != nullptr) host_->drop();
  }

  /// Wins the right to write the outcome.
  bool claim() noexcept {
    auto expected = state::pending;
    return state_.compare_exchange_strong(expected, state::claimed, std::memory_order_acq_rel);
  }
  void publish() {
    state_.store(state::resolved, std::memory_order_release);
    on_resolved();
  }
  virtual void on_resolved() {
    if (host_ != nullptr) host_->signal();
  }

 private:
  enum class state : std::uint8_t { pending, claimed, resolved, abandoned };
  stack_host* host_;
  std::exception_ptr error_;
  std::atomic<std::uint32_t> references_{1};
  std::atomic<state> state_{state::pending};
};

template <class T>
class cell : public cell_base {
 public:
  using cell_base::cell_base;

  /// Moves `value` in. False, and `value` untouched, when the waiter has given up.
  bool resolve(T& value) {
    if (!claim()) return false;
    value_.emplace(std::move(value));
    publish();
    return true;
  }
  bool resolve(T&& value) { return resolve(value); }

  std::optional<T>& value() noexcept { return value_; }

 private:
  std::optional<T> value_;
};

/// Nothing, as a value.
struct unit {};

struct cell_count {
  static void retain(cell_base& cell) noexcept { cell.retain(); }
  static void release(cell_base& cell) noexcept { cell.release(); }
};

/// A counted reference to a cell.
template <class C>
using cell_ref = counted_ref<C, cell_count>;

/// Waiters in order of arrival. Owns a reference to each. Guarded by whoever owns the line.
template <class C>
class waiting_line {
 public:
  waiting_line() = default;
  waiting_line(waiting_line&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)),
        last_(std::exchange(other.last_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  waiting_line(const waiting_line&) = delete;
  waiting_line& operator=(const waiting_line&) = delete;
  ~waiting_line() {
    while (auto waiting = pop())
      waiting->fail(std::make_exception_ptr(broken_promise("the broker that was asked is gone")));
  }

  bool empty() const noexcept { return first_ == nullptr; }
  std::size_t size() const noexcept { return size_; }

  void push(cell_ref<C> waiter) {
    C* cell = waiter.get();
    cell->retain();
    cell->before = last_;
    cell->after = nullptr;
    cell->queued = true;
    (last_ != nullptr ? last_->after : first_) = cell;
    last_ = cell;
    ++size_;
  }

  /// The one that waits longest, or an empty reference.
  cell_ref<C> pop() noexcept {
    cell_base* cell = first_;
    if (cell == nullptr) return {};
    unlink(*cell);
    return cell_ref<C>::adopt(static_cast<C*>(cell));
  }

  /// The first for which `matches` is true, or null.
  template <class Matches>
  C* find(Matches matches) const {
    for (cell_base* cell = first_; cell != nullptr; cell = cell->after)
      if (matches(static_cast<const C&>(*cell))) return static_cast<C*>(cell);
    return nullptr;
  }

  /// Sends the one away that would answer the request. False when there is none.
  bool dismiss(const request_key& request, const std::exception_ptr& why) {
    const cell_ref<C> found(find([&](const C& each) { return each.answers(request); }));
    if (!found) return false;
    erase(*found);
    found->fail(why);
    return true;
  }

  /// Takes one out of the middle. True when it was in this line.
  bool erase(C& cell) noexcept {
    if (!cell.queued) return false;
    unlink(cell);
    cell.release();
    return true;
  }

 private:
  void unlink(cell_base& cell) noexcept {
    (cell.before != nullptr ? cell.before->after : first_) = cell.after;
    (cell.after != nullptr ? cell.after->before : last_) = cell.before;
    cell.before = cell.after = nullptr;
    cell.queued = false;
    --size_;
  }

  cell_base* first_ = nullptr;
  cell_base* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace buskin::detail
