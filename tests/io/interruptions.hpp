// System calls that are interrupted again and again.
#pragma once

#include <sys/time.h>

#include <csignal>

namespace buskin::test {

/// As long as it lives this process is interrupted every `microseconds`, by a signal whose handler
/// does nothing and lets no system call go on.
class interruptions {
 public:
  explicit interruptions(int microseconds = 500) {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, &before_);  // without SA_RESTART
    set(microseconds);
  }
  ~interruptions() {
    set(0);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  interruptions(const interruptions&) = delete;
  interruptions& operator=(const interruptions&) = delete;

 private:
  static void set(int microseconds) {
    const itimerval period{{0, microseconds}, {0, microseconds}};
    ::setitimer(ITIMER_REAL, &period, nullptr);
  }
  struct sigaction before_ {};
};

}  // namespace buskin::test
