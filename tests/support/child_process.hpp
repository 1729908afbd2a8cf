// Runs a function in a child process, for what ends a process. Only while no other thread exists.
#pragma once

#include <boost/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdio>

namespace buskin::test {

class child_process {
 public:
  /// `function(ready)` runs in the child; its result is the exit code. It calls `ready()` when the
  /// parent may go on.
  template <class F>
  explicit child_process(F function) {
    BOOST_REQUIRE(::pipe(ready_) == 0);
    std::fflush(nullptr);
    pid_ = ::fork();
    BOOST_REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      int code = 99;
      try {
        code = function([this] { (void)!::write(ready_[1], "r", 1); });
      } catch (...) {
      }
      ::_exit(code);
    }
    ::close(ready_[1]);
  }

  ~child_process() {
    ::close(ready_[0]);
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  /// Waits until the child called ready() once more.
  void await_ready() {
    char byte = 0;
    BOOST_REQUIRE(::read(ready_[0], &byte, 1) == 1);
  }
  pid_t pid() const noexcept { return pid_; }
  void send(int signal) const { BOOST_REQUIRE(::kill(pid_, signal) == 0); }

  /// Waits for the end: the exit code, or minus the signal that ended it.
  int wait() {
    int status = 0;
    BOOST_REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  int ready_[2]{};
  pid_t pid_ = -1;
};

}  // namespace buskin::test
