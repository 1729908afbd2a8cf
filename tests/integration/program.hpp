// A program run as a child process: its output is read through pipes, its end is awaited with a
// deadline. It never outlives its object.
#pragma once

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

namespace buskin::test {

using deadline_clock = std::chrono::steady_clock;

/// The milliseconds until `end`, for poll.
inline int left_until(deadline_clock::time_point end) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(end - deadline_clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left) + 1;
}

class program {
 public:
  static constexpr auto patience = std::chrono::seconds(60);

  explicit program(std::vector<std::string> command) {
    int out[2];
    int err[2];
    BOOST_REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    BOOST_REQUIRE(::pipe2(err, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    ::posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    std::vector<char*> arguments;
    for (auto& each : command) arguments.push_back(each.data());
    arguments.push_back(nullptr);
    const int failure =
        ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(err[1]);
    streams_ = {{{out[0], {}}, {err[0], {}}}};
    BOOST_REQUIRE_MESSAGE(failure == 0, "cannot start " << command[0]);
    watch_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    BOOST_REQUIRE(watch_ >= 0);
  }

  ~program() {
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    for (const auto& each : streams_)
      if (each.descriptor >= 0) ::close(each.descriptor);
    ::close(watch_);
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  pid_t pid() const noexcept { return pid_; }
  const std::string& output() const noexcept { return streams_[0].text; }
  const std::string& errors() const noexcept { return streams_[1].text; }
  void send(int signal) const { BOOST_REQUIRE(::kill(pid_, signal) == 0); }

  /// Reads until the output has `text` in it.
  void await_output(const std::string& text) {
    const auto end = deadline_clock::now() + patience;
    while (output().find(text) == std::string::npos) {
      const bool more = read_some(end);
      BOOST_REQUIRE_MESSAGE(more, "no \"" << text << "\" in the output:\n" << output() << errors());
    }
  }

  /// Reads what there is to read just now.
  void look() { read_some(deadline_clock::now()); }

  /// Reads to the end of its output and waits for its end: the exit status, or minus the signal
  /// that ended it.
  int await_end() {
    const auto end = deadline_clock::now() + patience;
    while (read_some(end)) {
    }
    pollfd watch{watch_, POLLIN, 0};
    BOOST_REQUIRE_MESSAGE(::poll(&watch, 1, left_until(end)) == 1, "it does not end; its output:\n"
                                                                       << output() << errors());
    int status = 0;
    BOOST_REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    ended_ = true;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

  /// Memory in use (VmRSS).
  std::size_t resident_bytes() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    for (std::string word; status >> word;)
      if (std::size_t kilobytes = 0; word == "VmRSS:" && status >> kilobytes)
        return kilobytes * 1024;
    return 0;
  }

 private:
  struct pipe_end {
    int descriptor = -1;
    std::string text;
  };

  /// Waits for output. False when both pipes have ended, or at the deadline.
  bool read_some(deadline_clock::time_point end) {
    pollfd both[2] = {{streams_[0].descriptor, POLLIN, 0}, {streams_[1].descriptor, POLLIN, 0}};
    if (both[0].fd < 0 && both[1].fd < 0) return false;
    if (::poll(both, 2, left_until(end)) <= 0) return false;
    for (int i = 0; i != 2; ++i) {
      if (both[i].revents == 0) continue;
      auto& stream = streams_[static_cast<std::size_t>(i)];
      char buffer[65536];
      const auto got = ::read(stream.descriptor, buffer, sizeof buffer);
      if (got > 0) {
        stream.text.append(buffer, static_cast<std::size_t>(got));
      } else if (got == 0 || errno != EINTR) {
        ::close(stream.descriptor);
        stream.descriptor = -1;
      }
    }
    return true;
  }

  pid_t pid_ = -1;
  int watch_ = -1;
  bool ended_ = false;
  std::array<pipe_end, 2> streams_;  // its standard output, its standard error
};

}  // namespace buskin::test
