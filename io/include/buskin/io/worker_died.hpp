// The end of a worker of a process_pool in the middle of its job.
#pragma once

#include <buskin/io/exit_status.hpp>

#include <stdexcept>
#include <string>

namespace buskin::io {

/// The worker process that had the job has ended: it crashed, was killed, or called exit. How far
/// the job came is not known. The pool goes on with another worker. The text says which pool, which
/// function, which process, and how it ended.
class worker_died : public std::runtime_error {
 public:
  worker_died(const std::string& text, exit_status status, int pid)
      : std::runtime_error(text), status_(status), pid_(pid) {}

  const exit_status& status() const noexcept { return status_; }
  /// The number of the signal that ended it; 0 when it exited.
  int signal() const noexcept {
    return status_.ended == exit_status::how::signalled ? status_.code : 0;
  }
  int pid() const noexcept { return pid_; }

 private:
  exit_status status_;
  int pid_;
};

}  // namespace buskin::io

namespace buskin {
using io::worker_died;
}
