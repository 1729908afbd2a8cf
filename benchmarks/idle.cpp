// How often a program wakes up that only waits: for time, for a message, for an item, for a client.
//
// The program is a child process, forked before there is any thread. Counted are the context
// switches of all its threads (those that it asked for and those that it suffered) in two seconds,
// as the kernel counts them.
#include <buskin/actors/queue.hpp>
#include <buskin/actors/receive.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

namespace {

using namespace std::chrono_literals;

constexpr auto settling = 500ms;
constexpr auto window = 2s;

buskin::task<void> await_message() { co_await buskin::receive<int>(); }
buskin::task<void> await_item(buskin::queue<int> queue) { co_await queue.get(); }
buskin::task<void> refuse(buskin::io::connection) { co_return; }

buskin::task<void> wait_for_everything() {
  const auto message = buskin::spawn(await_message());
  const auto item = buskin::spawn(await_item(buskin::queue<int>()));
  const auto server = co_await buskin::io::serve("127.0.0.1:0", refuse);
  co_await buskin::sleep(1h);  // the process is killed long before
}

/// Of all threads of a process, since they began.
long context_switches(pid_t process) {
  long count = 0;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    std::ifstream status(thread.path() / "status");
    for (std::string line; std::getline(status, line);)
      if (const auto name = line.find("ctxt_switches:"); name != std::string::npos)
        count += std::stol(line.substr(line.find(':') + 1));
  }
  return count;
}

/// True when the program slept all the time.
bool watch(unsigned workers) {
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::system_category(), "fork");
  if (child == 0) {
    buskin::runtime_options options;
    options.workers = workers;
    buskin::run(wait_for_everything(), options);
    _exit(0);
  }
  std::this_thread::sleep_for(settling);
  const long before = context_switches(child);
  std::this_thread::sleep_for(window);
  const long switches = context_switches(child) - before;
  const bool alive = waitpid(child, nullptr, WNOHANG) == 0;
  if (alive) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  const bool good = alive && switches == 0;
  std::printf("a program that waits, %u worker%s: %ld wake-ups in 2 s  target 0  %s\n", workers,
              workers == 1 ? " " : "s", switches,
              !alive ? "ENDED"
              : good ? "ok"
                     : "MISSED");
  std::fflush(stdout);
  return good;
}

}  // namespace

int main() {
  bool good = true;
  for (const unsigned workers : {1U, 2U}) good = watch(workers) && good;
  return good ? 0 : 1;
}
