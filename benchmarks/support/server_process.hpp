// A server in a process of its own: it says its port, and serves until it is killed.
//
// Ours and Asio's are forked from the benchmark before that has any thread; those in other
// languages are programs that print their port.
#pragma once

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bench {

class server_process {
 public:
  /// Runs `serve` in a child; it writes its port to the descriptor with `tell_port`.
  explicit server_process(const std::function<void(int tell)>& serve) {
    start([&serve](int tell) { serve(tell); });
    if (read(from_, &port_, sizeof port_) != sizeof port_) fail();
  }
  /// Starts a program whose first line is the port; it is looked for in PATH.
  explicit server_process(const std::vector<std::string>& words) {
    start([&words](int tell) {
      dup2(tell, STDOUT_FILENO);
      std::vector<char*> arguments;
      for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      execvp(arguments[0], arguments.data());
    });
    std::string line;
    for (char next = 0; read(from_, &next, 1) == 1 && next != '\n';) line += next;
    port_ = static_cast<std::uint16_t>(std::atoi(line.c_str()));
    if (port_ == 0) fail();
  }
  ~server_process() { end(); }
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  static void tell_port(int tell, std::uint16_t port) {
    if (write(tell, &port, sizeof port) != sizeof port)
      throw std::system_error(errno, std::system_category(), "telling the port");
  }

  std::uint16_t port() const noexcept { return port_; }

  /// Of all its threads, in nanoseconds.
  double processor_time() const {
    clockid_t clock;
    timespec used{};
    if (const int failure = clock_getcpuclockid(process_, &clock); failure != 0)
      throw std::system_error(failure, std::system_category(), "the server's processor time");
    clock_gettime(clock, &used);
    return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
  }

  /// Its own, not the kernel's for it: VmRSS in bytes.
  double memory() const {
    std::ifstream status("/proc/" + std::to_string(process_) + "/status");
    for (std::string line; std::getline(status, line);)
      if (line.rfind("VmRSS:", 0) == 0) return std::stod(line.substr(6)) * 1024;
    throw std::runtime_error("the server's memory is not known");
  }

 private:
  template <class Body>
  void start(Body body) {
    int ends[2];
    if (pipe(ends) != 0) throw std::system_error(errno, std::system_category(), "pipe");
    process_ = fork();
    if (process_ < 0) throw std::system_error(errno, std::system_category(), "fork");
    if (process_ == 0) {
      close(ends[0]);
      body(ends[1]);
      _exit(1);
    }
    close(ends[1]);
    from_ = ends[0];
  }
  [[noreturn]] void fail() {
    end();
    throw std::runtime_error("the server did not come up");
  }
  void end() noexcept {
    close(from_);
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }

  pid_t process_ = 0;
  int from_ = -1;  // stays open: what it prints has a reader
  std::uint16_t port_ = 0;
};

/// How a contestant's server is started.
using server = std::function<std::vector<double>(
    const std::function<std::vector<double>(const server_process&)>&)>;

/// One that runs `serve` in a child process.
inline server forked(std::function<void(int tell)> serve) {
  return [serve = std::move(serve)](const auto& measure) { return measure(server_process(serve)); };
}

/// One that is a program.
inline server program(std::vector<std::string> words) {
  return [words = std::move(words)](const auto& measure) { return measure(server_process(words)); };
}

}  // namespace bench
