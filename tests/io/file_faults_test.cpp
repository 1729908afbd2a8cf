// What goes wrong with files: short reads and writes, interruptions, full and broken devices, files
// that change under the reader, and processes that are killed while they replace one.
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/io/detail/replace_file.hpp>
#include <buskin/io/file.hpp>
#include <buskin/io/whole_file.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/interruptions.hpp"
#include "io/live_stage.hpp"
#include "io/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::contents_of;
using buskin::test::failing;
using buskin::test::interruptions;
using buskin::test::live_stage;
using buskin::test::mentions;
using buskin::test::scratch;
using buskin::test::until;
using io::file;

namespace fs = std::filesystem;

/// A file that may not become larger than `bytes`, whoever writes it: the write that would is
/// short.
class size_limit {
 public:
  explicit size_limit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
    signal_ = ::signal(SIGXFSZ, SIG_IGN);
  }
  ~size_limit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, signal_);
  }
  size_limit(const size_limit&) = delete;
  size_limit& operator=(const size_limit&) = delete;

 private:
  rlimit before_{};
  void (*signal_)(int) = nullptr;
};

task<void> write_to(file f, std::string bytes) { co_await f.write(std::move(bytes)); }

BOOST_AUTO_TEST_SUITE(file_faults)

// Part of F2.
BOOST_AUTO_TEST_CASE(short_reads_and_writes_and_interruptions_lose_nothing) {
  live_stage s;
  const scratch folder;
  std::string all(3'000'000, ' ');
  for (std::size_t i = 0; i != all.size(); ++i) all[i] = static_cast<char>(i * 31 >> 7);
  auto main = [&]() -> task<void> {
    const interruptions storm;
    // A FIFO takes and gives 64 KiB at most at a time.
    auto in = co_await file::open(folder.fifo("pipe"));
    auto out = co_await file::open(folder / "pipe", "w");
    auto writing = spawn(write_to(out, all));
    std::string got;
    while (got.size() < all.size()) {
      const auto part = co_await in.read(all.size());
      BOOST_REQUIRE(!part.empty());
      got += part;
    }
    BOOST_TEST((got == all));
    co_await writing;
    co_await io::replace(folder / "a", all);
    BOOST_TEST((co_await io::read_all(folder / "a") == all));
  };
  s.run(main());
}

// Part of F2.
BOOST_AUTO_TEST_CASE(a_full_device_and_a_broken_one_are_named_with_the_reason) {
  live_stage s;
  auto main = []() -> task<void> {
    auto full = co_await file::open("/dev/full", "r+");
    BOOST_CHECK_EXCEPTION(co_await full.write("x"), std::system_error,
                          failing(std::errc::no_space_on_device, "/dev/full"));
    BOOST_TEST(co_await full.read(2) == std::string(2, '\0'));  // it goes on
    BOOST_CHECK_EXCEPTION(co_await io::append("/dev/full", "x"), std::system_error,
                          failing(std::errc::no_space_on_device, "/dev/full"));
    auto memory = co_await file::open("/proc/self/mem");
    BOOST_CHECK_EXCEPTION(co_await memory.read(1), std::system_error,
                          failing(std::errc::io_error, "/proc/self/mem"));
    BOOST_CHECK_EXCEPTION(co_await memory.read_all(), std::system_error,
                          failing(std::errc::io_error, "/proc/self/mem"));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_write_that_stops_in_the_middle_says_how_far_it_came) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder / "a", "w");
    const auto old = folder.with("b", "old");
    const size_limit limit(1000);
    BOOST_CHECK_EXCEPTION(co_await f.write(std::string(1500, 'x')), std::system_error,
                          failing(std::errc::file_too_large, "of 1500 bytes 1000 were written"));
    BOOST_CHECK_EXCEPTION(co_await f.write_at(900, std::string(200, 'x')), std::system_error,
                          failing(std::errc::file_too_large, "of 200 bytes 100 were written"));
    BOOST_CHECK_EXCEPTION(co_await io::replace(old, std::string(1500, 'x')), std::system_error,
                          failing(std::errc::file_too_large, old.string()));
    BOOST_TEST(contents_of(old) == "old");
    BOOST_TEST(folder.count() == 2);
  };
  s.run(main());
}

// Part of F5.
BOOST_AUTO_TEST_CASE(a_file_that_is_cut_off_while_it_is_read_ends_there) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    std::string text;
    for (int i = 0; i != 1000; ++i) text += "line\n";
    const auto path = folder.with("a", text);
    auto f = co_await file::open(path);
    auto reader = f.lines({.piece = 1000});
    int count = 0;
    while (const auto line = co_await reader.next()) {
      BOOST_REQUIRE(*line == "line");
      if (++count == 100) fs::resize_file(path, 1500);
    }
    BOOST_TEST(count >= 300);
    BOOST_TEST(count < 1000);
    BOOST_TEST(co_await f.read(5) == "line\n");
    co_await f.seek(4000);
    BOOST_TEST(co_await f.read_all() == "");
  };
  s.run(main());
}

// Part of F5.
BOOST_AUTO_TEST_CASE(who_reads_a_file_that_is_removed_or_replaced_reads_on_in_the_old_one) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    const auto path = folder.with("a", "old text");
    auto f = co_await file::open(path);
    BOOST_TEST(co_await f.read(4) == "old ");
    co_await io::replace(path, "new");
    BOOST_TEST(!(co_await f.stat()).same_file(co_await io::stat(path)));
    co_await io::remove(path);
    BOOST_TEST(co_await f.read_all() == "text");
    BOOST_TEST((co_await f.stat()).links == 0U);
  };
  s.run(main());
}

task<void> open_to_write(fs::path path) {
  auto f = co_await file::open(path, "w");
  co_await f.write("hello");
}

task<void> read_lines_of(file f, int& count) {
  auto reader = f.lines();
  while (co_await reader.next()) ++count;
}

// Part of F5.
BOOST_AUTO_TEST_CASE(a_fifo_whose_other_end_nobody_opens_holds_up_no_worker_and_no_shutdown) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    const auto path = folder.fifo("pipe");
    // For writing: until somebody reads. The worker goes on meanwhile.
    auto opening = spawn(open_to_write(path));
    co_await until([] { return runtime::current().default_executor().running().size() == 1; },
                   "the thread to be there");
    for (int i = 0; i != 100; ++i) co_await yield();
    BOOST_TEST(!opening.done());
    opening.cancel();
    BOOST_CHECK_THROW(co_await opening, cancelled);
    co_await until([] { return runtime::current().default_executor().running().empty(); },
                   "the thread to be free");
    auto again = spawn(open_to_write(path));
    auto in = co_await file::open(path);
    BOOST_TEST(co_await in.read(100) == "hello");
    co_await again;
    BOOST_TEST(co_await in.read(100) == "");
    BOOST_CHECK_THROW(co_await wait_for(file::open(folder.fifo("other"), "w"), 20ms),
                      timeout_error);
    // One that is still waited for when the runtime ends.
    int count = 0;
    auto endless = co_await file::open(folder / "other");
    static_cast<void>(spawn(read_lines_of(endless, count)));
    co_await yield();
  };
  s.run(main());
}

// -- killed in the middle ---------------------------------------------------------------------

/// Replaces `path` in a child that is killed when it comes to its `calls`th system call. False when
/// it ended before that.
bool killed_at(int calls, const fs::path& path, const std::string& bytes) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(42);
    ::raise(SIGSTOP);
    io::detail::replace_file(path, bytes);
    ::_exit(0);
  }
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  BOOST_REQUIRE_MESSAGE(WIFSTOPPED(status), "this test needs ptrace");
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD);
  // Two stops a call: before it and behind it. It is killed at either.
  for (int stops = 0; stops != calls; ++stops) {
    BOOST_REQUIRE(::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0);
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    if (!WIFSTOPPED(status)) {
      BOOST_TEST(WIFEXITED(status));
      BOOST_TEST(WEXITSTATUS(status) == 0);
      return false;
    }
  }
  ::kill(child, SIGKILL);
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  return true;
}

// F3
BOOST_AUTO_TEST_CASE(a_process_killed_at_any_system_call_leaves_the_old_file_or_the_new_one) {
  const scratch folder;
  const auto path = folder / "a";
  const std::string before(5000, 'o');
  const std::string after(7000, 'n');
  int old_ones = 0;
  int new_ones = 0;
  for (int calls = 1;; ++calls) {
    folder.with("a", before);
    const bool killed = killed_at(calls, path, after);
    const std::string found = contents_of(path);
    BOOST_REQUIRE_MESSAGE(found == before || found == after,
                          "killed at stop " << calls << " it left " << found.size() << " bytes");
    ++(found == before ? old_ones : new_ones);
    if (killed) continue;
    BOOST_TEST((found == after));
    break;
  }
  // The calls include those that write, sync and rename.
  BOOST_TEST(old_ones >= 10);
  BOOST_TEST(new_ones >= 3);
  BOOST_TEST_MESSAGE(old_ones << " times the old one, " << new_ones << " times the new one");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
