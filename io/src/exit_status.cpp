#include <buskin/io/exit_status.hpp>

#include <sys/wait.h>
#include <cstring>

namespace buskin::io {

exit_status exit_status::from_wait(int status) noexcept {
  if (WIFSIGNALED(status)) return {how::signalled, WTERMSIG(status), WCOREDUMP(status) != 0};
  return {how::exited, WEXITSTATUS(status), false};
}

std::string to_string(const exit_status& status) {
  switch (status.ended) {
    case exit_status::how::exited:
      return "exited with " + std::to_string(status.code);
    case exit_status::how::signalled: {
      const char* name = ::sigabbrev_np(status.code);
      return "killed by " +
             (name != nullptr ? std::string("SIG") + name
                              : "signal " + std::to_string(status.code)) +
             (status.core_dumped ? " (core dumped)" : "");
    }
    case exit_status::how::unknown:
      break;
  }
  return "ended in an unknown way";
}

}  // namespace buskin::io
