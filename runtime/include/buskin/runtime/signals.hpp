// Signals of the operating system, awaited or sent to an actor.
#pragma once

#include <buskin/runtime/detail/coro_stack.hpp>

#include <caf/actor.hpp>
#include <caf/atom.hpp>

#include <coroutine>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <vector>

namespace buskin {

/// What an actor is sent: `(signal_received, int)`, the signal's number.
using signal_received = caf::atom_constant<caf::atom("bk.sig")>;

namespace detail {

class signal_source;

class [[nodiscard("nothing happens until it is awaited")]] signal_wait final : public wait {
 public:
  signal_wait(std::shared_ptr<signal_source> source, const std::source_location& where) noexcept;
  ~signal_wait();
  bool ready() noexcept override;
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  int await_resume();

 private:
  std::shared_ptr<signal_source> source_;
  bool entered_ = false;
};

}  // namespace detail

/// Takes some signals of the operating system for as long as it lives; the default action is
/// restored when the last taker of a signal is gone.
///
///     signals asked({SIGHUP, SIGTERM});
///     while (co_await asked.next() == SIGHUP) reload();
///
///     signals told({SIGHUP}, device);  // `device` is sent (signal_received, SIGHUP)
///
/// Each object is told of every signal, in the order of arrival (the kernel merges equal ones that
/// come faster than they are read). SIGINT and SIGTERM that are taken so do not cancel the main
/// task. Move-only; must not outlive its runtime.
class signals {
 public:
  /// Inside a running runtime. Throws std::invalid_argument for a number that is no signal, for
  /// those that cannot be handled (SIGKILL, SIGSTOP) and for those that say that the program itself
  /// is broken (SIGSEGV, SIGBUS, SIGFPE, SIGILL); std::system_error when the system refuses.
  signals(std::initializer_list<int> numbers);
  explicit signals(const std::vector<int>& numbers);
  /// The same, told to `whom`, here or on another node, instead of to `next`. The end of `whom` is
  /// the end of the taking. Throws std::invalid_argument for no actor as well.
  signals(const std::vector<int>& numbers, caf::actor whom);
  signals(signals&&) noexcept = default;
  signals& operator=(signals&& other) noexcept;
  ~signals();

  /// The oldest signal not told of yet, or the next to come. One task at a time; a second one that
  /// waits is told by invalid_state, and so is one who asks for what goes to an actor.
  /// Cancellation: loses no signal.
  detail::signal_wait next(std::source_location where = std::source_location::current()) const {
    return {source_, where};
  }

 private:
  void close() noexcept;

  std::shared_ptr<detail::signal_source> source_;
  caf::actor told_;  // who is told of them, if it is an actor
};

}  // namespace buskin
