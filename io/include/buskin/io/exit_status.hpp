// How a process ended.
#pragma once

#include <caf/meta/type_name.hpp>

#include <cstdint>
#include <string>

namespace buskin::io {

/// How a process ended.
struct exit_status {
  enum class how : std::uint8_t {
    exited,     ///< by itself, with `code`
    signalled,  ///< by signal number `code`
    /// It ended, but its status went to somebody else: this program ignores SIGCHLD or waits for
    /// any child elsewhere, and the kernel (before Linux 6.15) does not tell twice.
    unknown
  };

  how ended = how::exited;
  int code = 0;              ///< 0 to 255 for `exited`, a signal's number for `signalled`
  bool core_dumped = false;  ///< for `signalled`

  /// It exited with 0.
  bool success() const noexcept { return ended == how::exited && code == 0; }
  /// asyncio's returncode: the exit code, or minus the signal's number; 255 when it is unknown.
  int return_code() const noexcept {
    return ended == how::exited ? code : ended == how::signalled ? -code : 255;
  }

  /// From what wait(2) and its like report.
  static exit_status from_wait(int status) noexcept;

  friend bool operator==(const exit_status&, const exit_status&) = default;

  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, exit_status& x) {
    return f(caf::meta::type_name("buskin::io::exit_status"), x.ended, x.code, x.core_dumped);
  }
};

/// "exited with 1", "killed by SIGKILL", "killed by SIGSEGV (core dumped)", "ended in an unknown
/// way".
std::string to_string(const exit_status& status);

}  // namespace buskin::io
