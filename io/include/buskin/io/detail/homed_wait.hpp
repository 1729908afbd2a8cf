// A wait for something that belongs to one worker: its actor is moved there first.
#pragma once

#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/worker.hpp>

#include <exception>
#include <source_location>
#include <string>

namespace buskin::io::detail {

using namespace buskin::detail;

class wait_line;

/// What always holds: `attempt` and what is touched by it run on the worker `home()`, with no lock.
class homed_wait : public wait {
 public:
  bool ready() noexcept final;
  bool withdraw() noexcept final;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }

  /// Another attempt is worth while. On the home worker.
  void on_news();

 protected:
  homed_wait(wait_kind kind, const std::source_location& where) noexcept : wait(kind, where) {}
  ~homed_wait() = default;

  /// Only while its runtime lives.
  virtual worker& home() const noexcept = 0;
  virtual bool at_home() const noexcept;
  /// Its runtime has ended.
  virtual bool homeless() const noexcept;

  /// Tries to complete. True when the outcome is known; a failure is thrown.
  virtual bool attempt() = 0;
  /// Enters the wait where it is told of news, and takes it out again.
  virtual void enlist() = 0;
  virtual void delist() noexcept = 0;
  /// For errors: what is done, and to whom.
  virtual const char* operation() const noexcept = 0;
  virtual std::string whose() const = 0;

  /// To be called by the destructor of each derived class.
  void leave() noexcept;
  /// Throws what the wait failed with, or what interrupted it.
  void check();

 private:
  friend class wait_line;
  bool step() noexcept;
  void try_once() noexcept;

  stack_host* host_ = nullptr;
  wait_line* line_ = nullptr;  // and its neighbours there
  homed_wait* before_ = nullptr;
  homed_wait* after_ = nullptr;
  std::exception_ptr failure_;
  bool moving_ = false;
  bool listed_ = false;
  bool done_ = false;
};

/// Waits that are told of news, the oldest first.
class wait_line {
 public:
  void push(homed_wait& waiting) noexcept;
  /// Nothing when it is not in the line.
  void erase(homed_wait& waiting) noexcept;
  /// Tells one after the other, until one goes on waiting.
  void tell();

 private:
  homed_wait* first_ = nullptr;
  homed_wait* last_ = nullptr;
};

}  // namespace buskin::io::detail
