// What signals do to a whole program: when they end it, what it does before, and what it may not
// lose. Each program is a process of its own.
#include <buskin/buskin.hpp>

#include "io/interruptions.hpp"
#include "io/scratch.hpp"
#include "support/child_process.hpp"
#include "support/seeds.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <exception>
#include <filesystem>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::child_process;
using buskin::test::scratch;

namespace fs = std::filesystem;

// -- how it ends ----------------------------------------------------------------------------------

/// What a program has done: a byte for each step, which is there also when it was killed.
class steps {
 public:
  steps() { BOOST_REQUIRE(::pipe2(ends_, O_CLOEXEC) == 0); }
  ~steps() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  steps(const steps&) = delete;
  steps& operator=(const steps&) = delete;

  int writing() const { return ends_[1]; }
  /// Waits for the next step for `patience` at most.
  void await(std::chrono::microseconds patience) {
    pollfd what{ends_[0], POLLIN, 0};
    const timespec limit{0, std::chrono::nanoseconds(patience).count()};
    if (::ppoll(&what, 1, &limit, nullptr) == 1) read();
  }
  void await(char step) {
    while (done_.find(step) == std::string::npos) read();
  }
  /// All of them; when the program has ended.
  std::string all() {
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    while (read()) {
    }
    return done_;
  }

 private:
  bool read() {
    char step = 0;
    if (::read(ends_[0], &step, 1) != 1) return false;
    done_ += step;
    return true;
  }
  int ends_[2]{};
  std::string done_;
};

void note(int to, char step) { BOOST_REQUIRE(::write(to, &step, 1) == 1); }

/// Drains for `length` when it is asked to end.
task<void> part(int to, char name, duration length) {
  std::exception_ptr asked;
  try {
    co_await sleep(1h);
  } catch (const cancelled&) {
    asked = std::current_exception();
  }
  co_await sleep(length);
  note(to, name);
  std::rethrow_exception(asked);
}

child_spec part_of(int to, char name) {
  child_spec spec;
  spec.id = std::string(1, name);
  spec.start = [to, name] { return part(to, name, 2ms); };
  return spec;
}

task<void> heed(int to) {
  signals reload({SIGHUP});
  note(to, 'r');  // ready to be told
  for (;;) co_await reload.next();
}

/// Runs for `runs` and ends with 3. Its steps: r, S(tart), then e(nd) or c(ancelled) and
/// d(rained), then its parts b and a, and x when it has a result.
task<int> whole(int to, duration runs, duration drains) {
  supervisor keeper({part_of(to, 'a'), part_of(to, 'b')});
  auto heeding = spawn(heed(to));
  std::exception_ptr asked;
  try {
    co_await sleep(1ms);
    note(to, 'S');
    co_await sleep(runs);
  } catch (const cancelled&) {
    asked = std::current_exception();
  }
  if (!asked) {
    note(to, 'e');
    co_return 3;
  }
  note(to, 'c');
  co_await sleep(drains);
  note(to, 'd');
  std::rethrow_exception(asked);
}

int program(int to, duration runs, duration drains) {
  for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGPIPE}) std::signal(number, SIG_DFL);
  const int result = run(whole(to, runs, drains));
  note(to, 'x');
  return result;
}

BOOST_AUTO_TEST_SUITE(interruption_)

// P10
BOOST_AUTO_TEST_CASE(a_program_ends_in_order_and_as_documented_whenever_a_signal_comes) {
  std::vector<int> ends(3);
  for (const auto seed : test::seeds(150)) {
    BOOST_TEST_CONTEXT(test::replay(seed)) {
      std::mt19937_64 random(seed);
      const int number = std::vector{SIGTERM, SIGINT, SIGHUP, SIGUSR1}[random() % 4];
      const std::chrono::microseconds when(random() % 30'000);
      const bool twice = random() % 3 == 0;
      steps done;
      child_process child([&](auto) { return program(done.writing(), 15ms, 3ms); });
      if (random() % 4 != 0) done.await('S');
      for (auto until = std::chrono::steady_clock::now() + when;
           std::chrono::steady_clock::now() < until;)
        done.await(100us);
      child.send(number);
      if (twice) {
        done.await(std::chrono::microseconds(random() % 5'000));
        child.send(number);
      }
      const int code = child.wait();
      const auto all = done.all();
      const bool asks = number == SIGTERM || number == SIGINT;
      BOOST_TEST((code == 3 || code == -number), code << " after " << all);
      // Whether it had begun or not when it was cancelled.
      const std::string cancelled_order = all.find('S') != std::string::npos ? "rScdba" : "rcdba";
      BOOST_TEST((cancelled_order.starts_with(all) || std::string("rSebax").starts_with(all)), all);
      if (code == 3) BOOST_TEST(all == "rSebax");
      if (code == -number && asks && !twice && all.find('c') != std::string::npos)
        BOOST_TEST(all == cancelled_order);     // it was given the time to end
      if (code == -number && number == SIGHUP)  // only where it did not heed it
        BOOST_TEST((all.empty() || all.find('e') != std::string::npos), all);
      if (number == SIGUSR1) BOOST_TEST(all.find('c') == std::string::npos);
      ++ends[code == 3 ? 0 : all.find('c') != std::string::npos ? 1 : 2];
    }
  }
  BOOST_TEST_MESSAGE(ends[0] << " by themselves, " << ends[1] << " cancelled, " << ends[2]
                             << " else");
}

// P10
BOOST_AUTO_TEST_CASE(the_first_signal_lets_a_program_end_in_order) {
  for (const int number : {SIGTERM, SIGINT}) {
    steps done;
    child_process child([&](auto) { return program(done.writing(), 1h, 3ms); });
    done.await('S');
    child.send(SIGHUP);  // is heeded, and no more
    child.send(number);
    BOOST_TEST(child.wait() == -number);
    BOOST_TEST(done.all() == "rScdba");
  }
}

// P10
BOOST_AUTO_TEST_CASE(a_second_signal_ends_a_program_that_drains_for_too_long) {
  for (const int second : {SIGTERM, SIGINT}) {
    steps done;
    child_process child([&](auto) { return program(done.writing(), 1h, 1h); });
    done.await('S');
    child.send(SIGTERM);
    done.await('c');
    child.send(second);
    BOOST_TEST(child.wait() == -second);
    BOOST_TEST(done.all() == "rSc");
  }
}

task<int> write_to_nobody(int count) {
  int refused = 0;
  for (int i = 0; i != count; ++i) {
    int ends[2];
    const bool pipe = i % 2 == 0;
    if ((pipe ? ::pipe2(ends, O_CLOEXEC)
              : ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) != 0)
      throw std::system_error(errno, std::system_category(), "no pair of ends");
    ::close(ends[0]);
    auto out = io::from_descriptor(ends[1]);
    try {
      co_await out.write("to nobody");
      co_await out.drain();
    } catch (const std::system_error& error) {
      if (error.code() == std::errc::broken_pipe) ++refused;
    }
    out.abort();
  }
  co_return refused;
}

// P10
BOOST_AUTO_TEST_CASE(a_storm_of_broken_pipes_is_errors_and_no_signal) {
  child_process child([](auto) {
    std::signal(SIGPIPE, SIG_DFL);
    return run(write_to_nobody(1000)) == 1000 ? 0 : 1;
  });
  BOOST_TEST(child.wait() == 0);
}

task<int> allocate_under(int signals_wanted) {
  int told = 0;
  runtime::current().add_signal_handler(SIGUSR1, [&] { ++told; });
  std::vector<std::string> pieces;
  while (told < signals_wanted) {
    for (int i = 0; i != 100; ++i) pieces.emplace_back(static_cast<std::size_t>(100 + i), 'x');
    pieces.clear();
    ::kill(::getpid(), SIGUSR1);
    co_await yield();
  }
  co_return 0;
}

// P10: a handler that allocated, or took a lock, would stop this sooner or later.
BOOST_AUTO_TEST_CASE(a_storm_of_signals_stops_nobody_who_allocates) {
  child_process child([](auto ready) {
    ready();
    return run(allocate_under(2000), runtime_options{.workers = 2});
  });
  child.await_ready();
  BOOST_TEST(child.wait() == 0);
}

// -- what it does not lose ------------------------------------------------------------------------

task<void> echo(io::connection client) {
  for (;;) {
    const auto bytes = co_await client.read();
    if (bytes.empty()) break;
    co_await client.write(bytes);
    co_await client.drain();
  }
}

task<void> talk() {
  auto server = co_await io::serve("127.0.0.1:0", echo);
  auto client = co_await io::connect(server.local().to_string());
  for (int i = 0; i != 40; ++i) {
    const std::string sent(static_cast<std::size_t>(1 + i * 1000), static_cast<char>('a' + i % 26));
    co_await client.write(sent);
    if (co_await client.read_exactly(sent.size()) != sent)
      throw std::runtime_error("an echo came back changed");
  }
  client.close();
  server.close();
}

task<void> keep_files(fs::path folder) {
  for (int i = 0; i != 40; ++i) {
    const auto path = folder / ("file" + std::to_string(i % 3));
    const std::string text(static_cast<std::size_t>(i * 5000), static_cast<char>('a' + i % 26));
    co_await io::replace(path, text);
    if (co_await io::read_all(path) != text)
      throw std::runtime_error("a file is not what was kept");
  }
}

task<void> read_a_fifo(fs::path path) {
  auto f = co_await io::file::open(path);
  std::string all;
  for (;;) {
    const auto some = co_await f.read(100);
    if (some.empty()) break;
    all += some;
  }
  if (all != "slowly") throw std::runtime_error("a fifo gave \"" + all + "\"");
}

task<void> feed_slowly(fs::path path) {
  co_await sleep(20ms);
  auto f = co_await io::file::open(path, "a");
  for (const char each : std::string("slowly")) {
    co_await f.write(std::string(1, each));
    co_await sleep(5ms);
  }
  co_await f.close();
}

task<void> run_programs() {
  for (int i = 0; i != 15; ++i) {
    io::run_process_options options;
    options.input = std::string(100'000, static_cast<char>('a' + i));
    const auto done = co_await io::run_process({"cat"}, options);
    if (done.out.value() != options.input) throw std::runtime_error("cat changed its input");
  }
}

task<void> count_ticks() {
  auto& here = runtime::current();
  for (int i = 0; i != 30; ++i) {
    const auto due = here.now() + 2ms;
    co_await sleep_until(due);
    if (here.now() < due) throw std::runtime_error("a sleep was cut short");
  }
}

/// A bit of everything, to the end.
task<int> all_of_it(fs::path folder) {
  co_await timeout(60s, [&] {
    return gather(talk(), keep_files(folder), run_programs(), count_ticks(),
                  read_a_fifo(folder / "fifo"), feed_slowly(folder / "fifo"));
  });
  co_return 0;
}

int busy_program(const fs::path& folder) {
  const runtime_options options{.workers = 2, .signals = signal_handling::none};
  try {
    return run(all_of_it(folder), options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

// P11
BOOST_AUTO_TEST_CASE(interrupted_system_calls_lose_no_operation) {
  const scratch folder;
  folder.fifo("fifo");
  child_process child([&](auto) {
    const test::interruptions storm;
    return busy_program(folder.path());
  });
  BOOST_TEST(child.wait() == 0);
}

// P11
BOOST_AUTO_TEST_CASE(a_program_that_is_stopped_and_continued_loses_no_operation) {
  const scratch folder;
  folder.fifo("fifo");
  child_process child([&](auto ready) {
    ready();
    return busy_program(folder.path());
  });
  child.await_ready();
  for (int i = 0; i != 40; ++i) {
    child.send(SIGSTOP);
    ::poll(nullptr, 0, 3);
    child.send(SIGCONT);
    ::poll(nullptr, 0, 3);
  }
  BOOST_TEST(child.wait() == 0);
}

// P11
BOOST_AUTO_TEST_CASE(a_debugger_that_comes_and_goes_loses_no_operation) {
  const scratch folder;
  folder.fifo("fifo");
  child_process child([&](auto ready) {
    ready();
    return busy_program(folder.path());
  });
  child.await_ready();
  int stops = 0;
  for (int i = 0; i != 40; ++i) {
    if (::ptrace(PTRACE_SEIZE, child.pid(), nullptr, nullptr) != 0) break;
    if (::ptrace(PTRACE_INTERRUPT, child.pid(), nullptr, nullptr) != 0) break;
    // It may have ended before it could be stopped; to wait for its end is for `child`.
    siginfo_t news{};
    if (::waitid(P_PID, static_cast<id_t>(child.pid()), &news,
                 WEXITED | WSTOPPED | WNOWAIT | __WALL) != 0 ||
        news.si_code == CLD_EXITED || news.si_code == CLD_KILLED || news.si_code == CLD_DUMPED)
      break;
    ++stops;
    ::poll(nullptr, 0, 3);
    BOOST_REQUIRE(::ptrace(PTRACE_DETACH, child.pid(), nullptr, nullptr) == 0);
    ::poll(nullptr, 0, 3);
  }
  if (stops == 0) BOOST_TEST_MESSAGE("skipped: this system lets nobody debug");
  BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
