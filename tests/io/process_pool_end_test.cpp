// What becomes of worker processes whose program is killed. In a file of its own: here this process
// has no other thread when it forks.
#include <buskin/io/process_pool.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/child_process.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <string>
#include <thread>

namespace {

using namespace buskin;
using namespace std::chrono_literals;

/// Says who it is and whom it has started, and computes for ever.
void last_for_ever(int to) {
  const pid_t child = ::fork();
  if (child == 0)
    for (;;) ::pause();
  const pid_t both[] = {::getpid(), child};
  (void)!::write(to, both, sizeof both);
  for (volatile unsigned i = 0;;) i = i + 1;
}

/// Another child of the program's has all that it had open, its ends of the workers' sockets too.
pid_t fork_a_child_with_everything() {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::alarm(60);
  for (;;) ::pause();
}

task<void> keep_three_workers(int pipe) {
  process_pool pool({.workers = 3});
  co_await pool.warm_up();
  // The workers have none of our files, so this one is theirs by its path.
  auto job = spawn(pool.run<+[](std::string path) {
    const int to = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    last_for_ever(to);
  }>("/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(pipe)));
  for (const int idle : pool.pids()) (void)!::write(pipe, &idle, sizeof idle);
  const pid_t marked = -fork_a_child_with_everything();
  (void)!::write(pipe, &marked, sizeof marked);
  co_await sleep(1h);
}

BOOST_AUTO_TEST_SUITE(process_pool_end_)

BOOST_AUTO_TEST_CASE(nobody_outlives_a_program_that_is_killed) {
  int pipe[2];
  BOOST_REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans become ours
  buskin::test::child_process program([&](auto) {
    run(keep_three_workers(pipe[1]));
    return 0;
  });
  ::close(pipe[1]);
  // Three workers; one of them again, and its child; and the program's own child, marked.
  pid_t who[6] = {};
  for (std::size_t got = 0; got != sizeof who;) {
    const auto more = ::read(pipe[0], reinterpret_cast<char*>(who) + got, sizeof who - got);
    BOOST_REQUIRE(more > 0);
    got += static_cast<std::size_t>(more);
  }
  ::close(pipe[0]);
  program.send(SIGKILL);
  BOOST_TEST(program.wait() == -SIGKILL);
  const auto end = std::chrono::steady_clock::now() + 5s;
  int ended = 0;
  while (ended != 4) {
    if (::waitpid(-1, nullptr, WNOHANG) > 0) {
      ++ended;
      continue;
    }
    BOOST_REQUIRE_MESSAGE(std::chrono::steady_clock::now() < end, ended << " of 4 have ended");
    std::this_thread::sleep_for(1ms);
  }
  for (const pid_t each : who) {
    if (each > 0) {
      BOOST_TEST(::kill(each, 0) != 0);
      continue;
    }
    // Nobody wanted that one's end.
    BOOST_TEST(::kill(-each, SIGKILL) == 0);
    BOOST_TEST(::waitpid(-each, nullptr, 0) == -each);
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
