// Signals of the operating system, from the first worker's loop.
#pragma once

#include <buskin/runtime/detail/coro_stack.hpp>

#include <asio/signal_set.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace buskin::detail {

/// Throws std::invalid_argument for a number that nobody can, or should, handle.
void check_signal(int number);

/// Whether the program takes this signal itself.
bool signal_is_taken(int number) noexcept;

class signal_claim;

/// Takes some signals until it is closed. Any thread; its handler runs on the loop of `io`.
class signal_source final : public std::enable_shared_from_this<signal_source> {
 public:
  /// `told` is called in the loop's thread for each signal; null to keep them for `take`.
  signal_source(asio::io_context& io, std::vector<int> numbers, std::function<void(int)> told);
  ~signal_source();
  signal_source(const signal_source&) = delete;
  signal_source& operator=(const signal_source&) = delete;

  /// To be called once, when it is owned.
  void listen();
  void close() noexcept;

  /// Whether there is something for the waiter: a signal, or the end. Else `waiter` is signalled
  /// when there is.
  bool enter(stack_host& waiter);
  void leave() noexcept;
  bool ready() noexcept;
  /// The oldest signal. Throws invalid_state when the source was closed.
  int take();

 private:
  void listen_locked();
  void came(int number);

  std::mutex mutex_;
  asio::signal_set set_;                       // guarded by mutex_
  std::deque<int> arrived_;                    // guarded by mutex_
  stack_host* waiter_ = nullptr;               // kept alive by its wait; guarded by mutex_
  bool closed_ = false;                        // guarded by mutex_
  std::shared_ptr<const signal_claim> claim_;  // guarded by mutex_
  const std::vector<int> numbers_;
  const std::function<void(int)> told_;
};

}  // namespace buskin::detail
