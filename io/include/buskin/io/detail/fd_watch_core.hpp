// What an fd_watch is inside: a duplicate of the descriptor among those that its worker looks at,
// and at most one wait for each direction.
//
// What always holds: a wait ends only when poll says so: the news of the set may be old.
#pragma once

#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/io/detail/readiness_set.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/worker.hpp>
#include <buskin/runtime/detail/worker_ref.hpp>

#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>

namespace buskin::io::detail {

class fd_wait;

class fd_watch_core final : public std::enable_shared_from_this<fd_watch_core>,
                            private readiness_member {
 public:
  enum class direction : std::uint8_t { read, write };

  fd_watch_core(worker& home, int descriptor);

  /// Only while its runtime lives.
  worker& home() const noexcept { return *home_; }
  bool is_home() const noexcept { return home_.is_here(); }
  bool homeless() const noexcept { return home_.gone(); }
  /// Calls it in a turn of its own at home; nothing when the runtime has gone.
  void post_home(std::function<void()> function) const { home_.post(std::move(function)); }
  int given() const noexcept { return given_; }
  bool closed() const noexcept { return !duplicate_; }
  bool ready(direction what) const noexcept;
  /// Throws invalid_state when somebody waits already.
  void enter(fd_wait& waiting, direction what);
  void leave(fd_wait& waiting) noexcept;
  /// On its worker.
  void close() noexcept;

 private:
  void on_readiness(readiness what) override;
  void on_loop_end() noexcept override { duplicate_ = unique_descriptor(); }
  void tell(direction what) noexcept;

  const worker_ref home_;
  const int given_;
  unique_descriptor duplicate_;
  std::array<fd_wait*, 2> waiting_{};  // by direction
};

/// Ends the watch when its last handle goes, in whatever thread that is.
class fd_watch_owner {
 public:
  explicit fd_watch_owner(std::shared_ptr<fd_watch_core> watch) noexcept : core(std::move(watch)) {}
  ~fd_watch_owner();
  fd_watch_owner(const fd_watch_owner&) = delete;
  fd_watch_owner& operator=(const fd_watch_owner&) = delete;
  const std::shared_ptr<fd_watch_core> core;
};

class [[nodiscard("nothing happens until it is awaited")]] fd_wait final : public wait {
 public:
  fd_wait(std::shared_ptr<fd_watch_core> core, fd_watch_core::direction what,
          const std::source_location& where) noexcept;
  ~fd_wait();
  bool ready() noexcept override;
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume();

  /// It is so, or the watch was closed. On the watch's worker.
  void on_news() noexcept;

 private:
  void begin() noexcept;

  const std::shared_ptr<fd_watch_core> core_;
  const fd_watch_core::direction direction_;
  stack_host* host_ = nullptr;
  std::exception_ptr failure_;
  bool moving_ = false;
  bool entered_ = false;
  bool done_ = false;
};

}  // namespace buskin::io::detail
