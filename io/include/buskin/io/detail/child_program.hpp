// The system's side of a process: starting, signalling and reaping it.
#pragma once

#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/io/exit_status.hpp>
#include <buskin/io/process_options.hpp>

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace buskin::io::detail {

/// A child that was started. Its destructor kills and reaps one that is still there.
struct child_program {
  child_program() = default;
  child_program(child_program&&) noexcept = default;
  child_program& operator=(child_program&&) = delete;
  ~child_program();

  int pid = -1;
  unique_descriptor watch;  ///< a pidfd: readable when it has ended; none if it is gone already
  bool own_group = false;
  bool reaped = false;
  std::array<unique_descriptor, 3> streams;  ///< our ends, non-blocking; none where there is none

  /// Throws std::system_error, std::invalid_argument.
  static child_program start(const std::vector<std::string>& argv, const process_options& options);

  /// How it ended, if it has; then it is reaped. Once.
  std::optional<exit_status> reap() noexcept;
  /// To its group, or to it alone. 0 or an errno; never reaches a stranger with a recycled number.
  int signal(int number) const noexcept;
  /// SIGKILL to whoever is left in its group.
  void kill_rest() const noexcept;
  /// Waits, blocking, for its end.
  bool ended_within(int milliseconds) const noexcept;
};

}  // namespace buskin::io::detail
