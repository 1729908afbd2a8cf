// Tells a host loop (a GUI's) that the runtime it polls has something to do.
//
// While the host does something else ("rests"), whoever gives the first worker something to do
// rings once: another thread through `worker::wake`, and a watching thread of our own for what only
// the operating system knows: a descriptor, or the time of a timer. What always holds: between two
// rests the hook is called once at most.
#pragma once

#include <buskin/runtime/clock.hpp>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace buskin::detail {

class host_waker {
 public:
  /// `descriptor` is readable when the worker's loop has something to do; -1 if there is none such.
  explicit host_waker(int descriptor);
  ~host_waker();
  host_waker(const host_waker&) = delete;
  host_waker& operator=(const host_waker&) = delete;

  /// Replaces the hook; null for none. Waits for a call that is under way in another thread.
  void set(std::function<void()> hook);

  // -- the thread that drives the worker ----------------------------------------------------------
  /// It drives from here on.
  void work() noexcept { resting_.store(false, std::memory_order_seq_cst); }
  /// It does not drive any more. To be followed by a look for what came before this, and by
  /// `watch`.
  void rest() noexcept { resting_.store(true, std::memory_order_seq_cst); }
  /// Rings also when the descriptor is readable, or at `due` of the steady clock.
  void watch(std::optional<time_point> due);

  /// There is something to do. Any thread.
  void ring() noexcept;
  /// Ends the watching thread.
  void end();

 private:
  void watch_for_ever();
  void nudge() noexcept;

  const int descriptor_;
  int pipe_[2] = {-1, -1};
  std::atomic<bool> resting_{false};
  std::recursive_mutex hook_mutex_;  // held while the hook is called, which may use the runtime
  std::function<void()> hook_;       // guarded by hook_mutex_
  std::mutex mutex_;
  bool armed_ = false;             // guarded by mutex_
  bool ending_ = false;            // guarded by mutex_
  std::optional<time_point> due_;  // guarded by mutex_
  std::thread watcher_;
};

}  // namespace buskin::detail
