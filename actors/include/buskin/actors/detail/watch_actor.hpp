// The broker behind a watch: the latest value, its version, and who waits for a newer one.
#pragma once

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/far_request.hpp>
#include <buskin/actors/detail/owner_ref.hpp>
#include <buskin/actors/detail/waiters.hpp>
#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/errors.hpp>

#include <caf/message.hpp>

#include <coroutine>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <source_location>
#include <utility>

namespace buskin {

namespace detail {

/// What does not depend on the value's type.
class watch_base : public owned_broker {
 public:
  explicit watch_base(caf::actor_config& config) : owned_broker(config, "buskin.watch") {}

  void close();
  bool closed() const;
  std::uint64_t version() const;
  /// Whether there is a newer value than `seen`. Throws watch_closed when there is none and none
  /// will come.
  bool changed_since(std::uint64_t seen) const;
  /// Empty when there is a newer value than `seen`. Throws watch_closed.
  cell_ref<cell<unit>> wait_for_change(std::uint64_t seen, stack_host& host);
  void withdraw(cell<unit>& waiting);
  std::size_t waiter_count() const;

 protected:
  void disowned() noexcept override { close(); }
  void on_message(caf::mailbox_element_ptr& element) override;

  /// With the lock held: throws watch_closed.
  void check_open() const;
  /// With the lock held: the value has changed.
  void changed() {
    ++version_;
    waiters_.wake();
  }
  /// With the lock held.
  std::uint64_t current() const noexcept { return version_; }

  /// The value with its version, or alone, as a message. Without the lock.
  virtual caf::message answer(bool with_version) = 0;
  /// Sets the value that a message brings. False when that is not one. Throws watch_closed.
  virtual bool set_by_message(const caf::type_erased_tuple& content) = 0;

 private:
  class change_request;
  bool newer_than(std::uint64_t seen) const;

  // All guarded by the broker's lock.
  waiters waiters_;
  std::uint64_t version_ = 0;
  bool closed_ = false;
};

template <class T>
class watch_actor final : public watch_base {
 public:
  watch_actor(caf::actor_config& config, T initial)
      : watch_base(config), value_(std::move(initial)) {}

  void set(T value) {
    {
      guard lock(*this);
      check_open();
      std::swap(value_, value);
      changed();
    }
    // The value before is destroyed here, without the lock.
  }
  /// `change(T&)` says whether it changed something.
  template <class F>
  bool modify_if(F change) {
    guard lock(*this);
    check_open();
    if (!change(value_)) return false;
    changed();
    return true;
  }
  /// `look(const T&)` at the value, and the version of what was looked at.
  template <class F>
  decltype(auto) read(std::uint64_t& version, F look) const {
    guard lock(*this);
    version = current();
    return look(std::as_const(value_));
  }

 protected:
  caf::message answer(bool with_version) override {
    if constexpr (sendable<T>) {
      guard lock(*this);
      return with_version ? caf::make_message(current(), value_) : caf::make_message(value_);
    } else {
      static_cast<void>(with_version);
      return caf::make_message(to_error(std::make_exception_ptr(
          invalid_state("the value of this watch cannot travel in a message"))));
    }
  }
  bool set_by_message(const caf::type_erased_tuple& content) override {
    if constexpr (sendable<T>) {
      if (!content.match_elements<set_value, T>()) return false;
      set(content.get_as<T>(1));
      return true;
    } else {
      return false;
    }
  }

 private:
  T value_;  // guarded by the broker's lock
};

/// What an observer has seen.
struct seen_value {
  /// As a version: nothing at all.
  static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t version = none;
  caf::message latest;  // of a watch in another process: version and value as they were answered
};

/// Waits for a newer value than the observer has seen.
class change_wait : public wait {
 public:
  change_wait(broker_ref<watch_base> watch, seen_value& seen,
              const std::source_location& where) noexcept;
  bool ready() noexcept override { return waiting_->resolved(); }
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }

 protected:
  ~change_wait();
  /// Throws the waiter's cancellation, or watch_closed. What came from another process is seen
  /// then.
  void check();
  seen_value& seen() noexcept { return seen_; }

  broker_ref<watch_base> watch_;

 private:
  void give_up() noexcept;
  far_request& request() const noexcept { return static_cast<far_request&>(*waiting_); }

  seen_value& seen_;  // the observer's
  cell_ref<cell<unit>> waiting_;
};

class [[nodiscard("nothing happens until it is awaited")]] changed_awaiter final
    : public change_wait {
 public:
  using change_wait::change_wait;
  void await_resume();
};

template <class T>
class [[nodiscard("nothing happens until it is awaited")]] next_value_awaiter final
    : public change_wait {
 public:
  using change_wait::change_wait;
  T await_resume() {
    check();
    if constexpr (sendable<T>)
      if (this->watch_.far()) return this->seen().latest.template get_as<T>(1);
    return static_cast<watch_actor<T>&>(*this->watch_)
        .read(this->seen().version, [](const T& value) { return value; });
  }
};

}  // namespace detail

}  // namespace buskin
