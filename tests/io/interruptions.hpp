// System calls that are interrupted again and again, in every thread.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>

namespace buskin::test {

/// As long as it lives all threads of this process are interrupted, some thousand times a second,
/// by a signal whose handler does nothing and lets no system call go on. (A timer's signal would
/// reach the main thread only.)
class interruptions {
 public:
  interruptions() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, &before_);  // without SA_RESTART
    storm_ = std::jthread([](const std::stop_token& stop) {
      while (!stop.stop_requested()) interrupt_all();
    });
  }
  ~interruptions() {
    storm_ = {};
    // Those on their way to a thread that has not run since are dropped by that.
    ::signal(SIGALRM, SIG_IGN);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  interruptions(const interruptions&) = delete;
  interruptions& operator=(const interruptions&) = delete;

 private:
  static void interrupt_all() {
    const auto self = ::syscall(SYS_gettid);
    std::error_code gone;  // a thread that ended meanwhile
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/task", gone))
      if (const long id = std::stol(each.path().filename().string()); id != self)
        ::syscall(SYS_tgkill, ::getpid(), id, SIGALRM);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }

  struct sigaction before_ {};
  std::jthread storm_;
};

}  // namespace buskin::test
