// The broker behind promises and futures: a one-shot place for a value, a failure or a
// cancellation.
#pragma once

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/far_request.hpp>
#include <buskin/actors/detail/owner_ref.hpp>
#include <buskin/actors/detail/queue_text.hpp>
#include <buskin/actors/detail/waiters.hpp>
#include <buskin/runtime/detail/context_state.hpp>
#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/errors.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

namespace buskin {

namespace detail {

enum class future_state : std::uint8_t { pending, finished, failed, cancelled };

/// What does not depend on the value's type.
class future_base : public owned_broker {
 public:
  using callback = std::function<void(future_base&)>;

  future_base(caf::actor_config& config, const std::source_location& made);
  ~future_base() override;

  future_state state() const noexcept { return state_.load(std::memory_order_acquire); }
  bool done() const noexcept { return state() != future_state::pending; }
  const std::source_location& made() const noexcept { return made_; }

  /// False when it is done.
  bool fail(std::exception_ptr error) { return settle(future_state::failed, std::move(error)); }
  /// A failure that it has already counts as fetched.
  bool cancel(const std::string& message);
  bool cancel_with(std::exception_ptr reason);
  /// The exception it ended with, which counts as fetched; null for none. Throws invalid_state.
  std::exception_ptr exception() const;
  /// The same without counting as fetched. When it is done.
  const std::exception_ptr& failure() const noexcept { return error_; }
  void mark_fetched() const noexcept { fetched_.store(true, std::memory_order_relaxed); }
  [[noreturn]] void refuse_second_outcome() const;
  void check_done() const;

  /// Empty when it is done.
  cell_ref<cell<unit>> wait_for(stack_host& host);
  void withdraw(cell<unit>& waiting);
  std::size_t waiter_count() const;

  /// Called in a turn of this actor once it is done; returns the number by which it is removed.
  std::uint64_t add_callback(callback function);
  bool remove_callback(std::uint64_t number);
  std::size_t callback_count() const;

  /// "future, pending, 2 callbacks"; `value` is the text of a value.
  std::string text(const std::string& value) const;

 protected:
  void on_message(caf::mailbox_element_ptr& element) override;
  void disowned() noexcept override;

  /// The outcome, once. `write` stores the value, with the lock held.
  template <class F>
  bool settle_with(F write) {
    guard lock(*this);
    if (done()) return false;
    write();
    publish(future_state::finished);
    return true;
  }
  /// The answer to a message that asks for the value. When it is done.
  virtual caf::message answer() = 0;
  /// Sets the value that a message brings. False when that is not one.
  virtual bool set_by_message(const caf::type_erased_tuple& content, bool& was_pending) = 0;

 private:
  class value_request;
  struct entry {
    std::uint64_t number;
    callback function;
    bindings locals;  // of whoever asked for the call
  };
  bool settle(future_state how, std::exception_ptr error);
  void publish(future_state how);
  void run_callbacks();

  std::exception_ptr error_;  // written before state_ is published
  const std::source_location made_;
  std::atomic<future_state> state_{future_state::pending};
  mutable std::atomic<bool> fetched_{false};
  // Guarded by the broker's lock.
  waiters waiters_;
  std::list<entry> callbacks_;
  std::uint64_t last_callback_ = 0;
};

/// Whether a future of a T can be that of another process.
template <class T>
inline constexpr bool future_travels = sendable<T>;
template <>
inline constexpr bool future_travels<void> = true;

template <class T>
class future_actor final : public future_base {
 public:
  using stored = std::conditional_t<std::is_void_v<T>, unit, T>;

  using future_base::future_base;

  bool set(stored& value) {
    return settle_with([&] { value_.emplace(std::move(value)); });
  }

  /// The result of a done one; throws what it failed with. `take` moves it out.
  template <bool take>
  T result() {
    check_done();
    if (failure()) {
      mark_fetched();
      std::rethrow_exception(failure());
    }
    if constexpr (std::is_void_v<T>) {
      return;
    } else if constexpr (take || !std::is_copy_constructible_v<T>) {
      std::optional<T> taken;
      {
        guard lock(*this);
        taken.swap(value_);
      }
      if (!taken) refuse_taken();
      return std::move(*taken);
    } else {
      guard lock(*this);
      if (!value_) refuse_taken();
      return *value_;
    }
  }

  /// Ends like `other`, which is done. False when this was done before.
  bool follow(future_actor& other) {
    if (other.failure()) {
      other.mark_fetched();
      return other.state() == future_state::cancelled ? cancel_with(other.failure())
                                                      : fail(other.failure());
    }
    if constexpr (std::is_void_v<T>) {
      unit nothing;
      return set(nothing);
    } else {
      if (done()) return false;
      T value = other.template result<false>();
      return set(value);
    }
  }

  std::string text() const {
    std::string value;
    if constexpr (!std::is_void_v<T>) {
      guard lock(*this);
      value = value_ ? text_of(*value_) : "taken";
    }
    return future_base::text(value);
  }

 protected:
  caf::message answer() override {
    if (failure()) {
      mark_fetched();
      return caf::make_message(to_error(failure()));
    }
    if constexpr (std::is_void_v<T>) {
      return {};
    } else if constexpr (sendable<T>) {
      return caf::make_message(result<false>());
    } else {
      return caf::make_message(to_error(std::make_exception_ptr(
          invalid_state("the value of this future cannot travel in a message"))));
    }
  }
  bool set_by_message(const caf::type_erased_tuple& content, bool& was_pending) override {
    if constexpr (std::is_void_v<T>) {
      if (!content.match_elements<set_value>()) return false;
      unit nothing;
      was_pending = set(nothing);
      return true;
    } else if constexpr (sendable<T>) {
      if (!content.match_elements<set_value, T>()) return false;
      T value = content.get_as<T>(1);
      was_pending = set(value);
      return true;
    } else {
      return false;
    }
  }

 private:
  [[noreturn]] static void refuse_taken() {
    throw invalid_state("the value of the future was taken already");
  }

  std::optional<stored> value_;  // guarded by the broker's lock
};

/// Waits for the end of a future.
class future_wait : public wait {
 public:
  bool ready() noexcept override { return waiting_->resolved(); }
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }

 protected:
  future_wait(broker_ref<future_base> future, bool pass_on,
              const std::source_location& where) noexcept;
  ~future_wait();
  /// Throws the waiter's cancellation, if there is one.
  void check();
  far_request& request() const noexcept { return static_cast<far_request&>(*waiting_); }

  broker_ref<future_base> future_;

 private:
  cell_ref<cell<unit>> waiting_;
  bool pass_on_;
};

template <class T>
class [[nodiscard("nothing happens until it is awaited")]] future_awaiter final
    : public future_wait{public : future_awaiter(const broker_ref<future_actor<T>>& future,
                                                 bool pass_on, const std::source_location& where) :
                             future_wait(future, pass_on, where){} T await_resume(){this->check();
if constexpr (future_travels<T>)
  if (this->future_.far()) return this->request().template take<T>();
return static_cast<future_actor<T>&>(*this->future_).template result<false>();
}  // namespace detail
};  // namespace buskin

}  // namespace detail

}  // namespace buskin
