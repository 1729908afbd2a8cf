// A stack of coroutines and the waits it suspends at.
//
// One actor's task runs on one stack: a task<T> awaited directly is a frame on the awaiter's stack.
// The stack is resumed in a turn of its host (an actor) only, in a loop rather than by symmetric
// transfer, so that any number of awaits that complete at once leaves the thread's stack as it was.
// What always holds: at most one wait is current; the stack goes on only when that wait says it is
// ready, or was withdrawn because of a cancellation.
#pragma once

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/wait_record.hpp>

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <source_location>
#include <vector>

namespace caf {
class local_actor;
}

namespace buskin {
class lean_actor;
}

namespace buskin::detail {

class context_state;
class coro_stack;
class worker;

class reply_slot;

/// Whoever gives turns to a coroutine stack: an actor.
class stack_host {
 public:
  /// Asks for a turn in which the stack looks at its wait. Any thread.
  virtual void signal() noexcept = 0;
  /// The same from the thread that the host belongs to: the turn may be had at once.
  virtual void signal_here() noexcept = 0;
  /// Asks for another turn after others had theirs. In the host's turn.
  virtual void again() noexcept = 0;
  /// Keep the host's memory alive. Any thread.
  virtual void hold() noexcept = 0;
  virtual void drop() noexcept = 0;
  /// The actor whose turns these are.
  virtual caf::local_actor& self() noexcept = 0;
  /// Has all further turns on `home`, from the next one on. In the host's turn. False when this
  /// actor cannot be moved.
  virtual bool move_to(worker& home) noexcept = 0;
  /// Hands the answer to the request `id` to `slot`. In the host's turn.
  virtual void await_reply(std::uint64_t id, reply_slot& slot) = 0;
  virtual void forget_reply(reply_slot& slot) noexcept = 0;

 protected:
  ~stack_host() = default;
};

/// Who runs in this thread. Set for the length of a turn.
struct running {
  detail::worker* worker = nullptr;  // null in a thread that no runtime drives
  coro_stack* stack = nullptr;       // null outside a coroutine's turn
  lean_actor* actor = nullptr;       // null outside a lean actor's turn
};
extern constinit thread_local running here;

/// The present of the runtime that drives this thread, as of the worker's last look at the clock.
time_point coarse_now() noexcept;

/// Something to suspend at; lives in the awaiter, thus in the coroutine's frame.
class wait {
 public:
  wait(const wait&) = delete;
  wait& operator=(const wait&) = delete;

  /// Whether what was waited for has happened; asked whenever the host was signalled, and may take
  /// a step towards it. In the host's turn.
  virtual bool ready() noexcept = 0;
  /// Gives up. True: nothing will come any more. False: it has happened, or will soon, and `ready`
  /// will say so.
  virtual bool withdraw() noexcept = 0;
  /// Another cancellation was requested while what could not be withdrawn is still under way:
  /// passes it on to whoever is waited for. Asked only after `withdraw` said false.
  virtual void insist() noexcept {}
  /// Whether somebody else still uses what is in the frames (a buffer): they must not be destroyed
  /// before this wait is ready.
  virtual bool holds_frames() const noexcept { return false; }

  const wait_record& record() const noexcept { return record_; }
  /// Adds the ids of those whose end, answer or release it waits for. While nobody runs the host.
  virtual void awaited(std::vector<std::uint64_t>& whom) const {
    if (record_.whom != 0) whom.push_back(record_.whom);
  }

  /// The stack that runs here, to which a wait made here belongs. Throws invalid_state outside of
  /// any.
  static coro_stack& stack_here(const char* operation);

 protected:
  wait(wait_kind kind, const std::source_location& where, std::uint64_t whom = 0) noexcept {
    record_.kind = kind;
    record_.where = where;
    record_.whom = whom;
  }
  ~wait() = default;

  /// The await_suspend of every wait: false when the coroutine need not suspend. The operation was
  /// begun before.
  bool suspend(std::coroutine_handle<> handle);
  /// To be asked first in await_resume: the cancellation to be thrown instead of a result, or null.
  std::exception_ptr interruption() noexcept;

  wait_record record_;

 private:
  friend class coro_stack;
  std::coroutine_handle<> handle_;
  coro_stack* stack_ = nullptr;  // null until suspended
};

/// Something that may cancel the stack it was entered on: a deadline (`timeout`), a group one of
/// whose tasks failed. It signals the host, and the stack asks it in the host's turn.
class cancel_scope {
 public:
  cancel_scope() = default;
  cancel_scope(const cancel_scope&) = delete;
  cancel_scope& operator=(const cancel_scope&) = delete;

 protected:
  ~cancel_scope() = default;

 private:
  friend class coro_stack;
  /// The reason, once, when the stack is to be cancelled; else null.
  virtual std::exception_ptr take_request() noexcept = 0;
  /// When it will cancel the stack by itself.
  virtual time_point deadline() const noexcept { return time_point::max(); }
  cancel_scope* outer_ = nullptr;
};

class coro_stack {
 public:
  explicit coro_stack(stack_host& host) noexcept : host_(&host) {}
  ~coro_stack() {
    destroy();
    if (context_ != nullptr) drop_context();
  }
  coro_stack(const coro_stack&) = delete;
  coro_stack& operator=(const coro_stack&) = delete;

  stack_host& host() noexcept { return *host_; }

  /// Takes the outermost coroutine; it runs in the next `advance`.
  void start(std::coroutine_handle<> root) noexcept {
    root_ = root;
    next_ = root;
  }
  bool started() const noexcept { return root_ != nullptr; }
  std::coroutine_handle<> root() const noexcept { return root_; }
  bool done() const noexcept { return root_ && root_.done(); }

  /// Runs until the coroutines suspend or end. In the host's turn.
  void advance();
  /// Destroys the frames, innermost last awaited first; pending waits withdraw in their
  /// destructors.
  void destroy() noexcept;

  /// Requests a cancellation: it surfaces as `reason` at the present or next suspension. In the
  /// host's turn.
  void cancel(std::exception_ptr reason);
  /// Cancellations requested and not taken back (asyncio's `cancelling`).
  std::uint32_t cancelling() const noexcept { return cancelling_; }
  /// Takes one request back; returns how many remain.
  std::uint32_t uncancel() noexcept;
  bool cancel_pending() const noexcept { return pending_cancel_ != nullptr; }
  /// The reason of the request that has not surfaced yet, or null.
  const std::exception_ptr& pending_cancel() const noexcept { return pending_cancel_; }

  /// What is to be resumed when the running coroutine suspends for good. Called by task<T>.
  void continue_with(std::coroutine_handle<> next) noexcept { next_ = next; }

  /// The values of its local<T> variables; null for none.
  context_state*& context_slot() noexcept { return context_; }

  /// What it waits for; null while it runs.
  const wait* waiting() const noexcept { return wait_; }

  void enter(cancel_scope& scope) noexcept {
    scope.outer_ = scopes_;
    scopes_ = &scope;
  }
  void leave(cancel_scope& scope) noexcept;
  /// The earliest deadline of the scopes; the beginning of time when a cancellation is pending.
  time_point deadline() const noexcept;

 private:
  friend class wait;
  void go_on();
  void ask_scopes();
  void drop_context() noexcept;

  stack_host* host_;
  std::coroutine_handle<> root_;
  std::coroutine_handle<> next_;
  wait* wait_ = nullptr;
  cancel_scope* scopes_ = nullptr;
  std::exception_ptr pending_cancel_;
  context_state* context_ = nullptr;  // owned
  std::uint32_t cancelling_ = 0;
};

}  // namespace buskin::detail
