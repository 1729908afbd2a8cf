// A thread that drives a runtime while its owner does something else.
#pragma once

#include <memory>

namespace buskin {

class runtime;

/// Drives a runtime in a thread of its own from its making to its end. Made by
/// `runtime::run_in_background`. Move-only.
///
/// Meanwhile nobody else may drive that runtime, and it takes no signals for itself. When it has
/// stopped, the runtime may be driven, or shut down, by any thread. It must not outlive the
/// runtime.
class background {
 public:
  explicit background(runtime& owner);
  background(background&&) noexcept;
  background& operator=(background&&) noexcept;
  /// Stops.
  ~background();

  /// Ends the driving after the present round and waits for the thread. What runs on the runtime
  /// stays as it is. Nothing when that was done. Throws invalid_state in a thread that drives a
  /// runtime, where nobody may wait.
  void stop();
  /// Whether it drives.
  bool running() const noexcept;

 private:
  struct driver;
  std::unique_ptr<driver> driver_;
};

}  // namespace buskin
