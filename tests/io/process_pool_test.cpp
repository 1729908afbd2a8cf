// Worker processes of this very program.
#include <buskin/io/process_pool.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/map_concurrent.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/child_stage.hpp"
#include "io/live_stage.hpp"
#include "support/stage.hpp"

#include <caf/meta/type_name.hpp>

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace buskin::test {

void begin_main();
/// The workers of these tests are this program, too. BUSKIN_TEST_WORKER makes bad ones of them.
void begin_main() {
  const char* how = std::getenv("BUSKIN_TEST_WORKER");
  const std::string_view wish = how != nullptr ? how : "";
  if (wish == "late")
    for (;;) ::pause();
  if (wish == "gone") ::_exit(9);
  process_pool::work_if_worker();
}

}  // namespace buskin::test

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::no_children;
using buskin::test::on_stage;
using buskin::test::until;
using how = io::exit_status::how;

// -- what the workers do ------------------------------------------------------------------------

int twice(int x) { return 2 * x; }
int own_pid() { return ::getpid(); }
void do_nothing() noexcept {}
template <class T>
T same(T x) {
  return x;
}
std::size_t length(const std::string& text) { return text.size(); }
std::vector<double> halves(std::vector<double> of) {
  for (auto& each : of) each /= 2;
  return of;
}
void fail(const std::string& text) { throw std::out_of_range(text); }
void fail_oddly() { throw 7; }
void end_by(int signal) {
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}
void leave(int code) { std::exit(code); }
void close_all() { ::close_range(0, ~0U, 0); }
void take(std::chrono::milliseconds length) { std::this_thread::sleep_for(length); }
int pid_after(std::chrono::milliseconds length) {
  std::this_thread::sleep_for(length);
  return ::getpid();
}
int start_a_child() {
  const pid_t child = ::fork();
  if (child == 0)
    for (;;) ::pause();
  return child;
}
/// Leaves somebody behind who holds all that it had open, out of its group, for a while.
void die_and_leave_a_daemon() {
  if (::fork() == 0) {
    ::setsid();
    ::alarm(15);
    for (;;) ::pause();
  }
  ::raise(SIGKILL);
}
task<int> twice_in_a_worker_of_its_own(int x) {
  process_pool pool({.workers = 1});
  co_return co_await pool.run<twice>(x);
}
/// Writes who it is into a pipe, and has a child.
void last_for_ever(const std::string& pipe) {
  const int numbers[] = {::getpid(), start_a_child()};
  const int to = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);
  (void)!::write(to, numbers, sizeof numbers);
  ::close(to);
  for (;;) ::pause();
}
std::vector<std::string> open_files() {
  std::vector<std::string> all;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
    all.push_back(each.path().filename());
  return all;
}
bool has_variable(const std::string& name) { return std::getenv(name.c_str()) != nullptr; }
task<int> sum_later(int a, int b) {
  co_await sleep(1ms);
  co_return a + b;
}
task<std::string> fail_later() {
  co_await sleep(1ms);
  throw timeout_error("too late");
}

enum class colour : std::uint8_t { red, green };

struct sample {
  std::string name;
  std::vector<double> values;
  colour shade = colour::red;
  bool operator==(const sample&) const = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, sample& x) {
    return f(caf::meta::type_name("sample"), x.name, x.values, x.shade);
  }
};

struct nothing {
  bool operator==(const nothing&) const = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, nothing&) {
    return f();
  }
};

// -- how it is seen -----------------------------------------------------------------------------

/// Nobody has this number, or a zombie that is not ours to bury.
bool is_gone(int pid) {
  if (::kill(pid, 0) != 0) return true;
  std::ifstream about("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(about, text);
  const auto state = text.rfind(") ");
  return state == std::string::npos || text[state + 2] == 'Z';
}

class variable {
 public:
  variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~variable() { ::unsetenv(name_); }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;

 private:
  const char* name_;
};

/// A named pipe in which workers write who they are.
class roll_call {
 public:
  roll_call() {
    BOOST_REQUIRE(::mkfifo(path().c_str(), 0600) == 0);
    // Read and write, so that it never ends.
    descriptor_ = ::open(path().c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
    BOOST_REQUIRE(descriptor_ >= 0);
  }
  ~roll_call() {
    ::close(descriptor_);
    std::filesystem::remove(path());
  }
  roll_call(const roll_call&) = delete;
  roll_call& operator=(const roll_call&) = delete;

  std::string path() const { return "/tmp/buskin-roll-call-" + std::to_string(maker_); }
  /// A worker and its child.
  bool next(std::array<int, 2>& who) const {
    return ::read(descriptor_, who.data(), sizeof who) == sizeof who;
  }

 private:
  const pid_t maker_ = ::getpid();
  int descriptor_ = -1;
};

template <class T>
task<void> check_same(process_pool pool, T value) {
  const T back = co_await pool.run<same<T>>(value);
  BOOST_TEST((back == value));
}

BOOST_AUTO_TEST_SUITE(process_pool_)

// -- values -------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_function_runs_in_another_process_of_this_program) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    BOOST_TEST(co_await pool.run<twice>(21) == 42);
    const int worker = co_await pool.run<own_pid>();
    BOOST_TEST(worker != ::getpid());
    BOOST_TEST(worker == pool.pids().at(0));
    co_await pool.run<do_nothing>();
    BOOST_TEST(co_await pool.run<length>("five!") == 5U);
    BOOST_TEST(co_await pool.run<+[](int a, int b) { return a - b; }>(9, 4) == 5);
    BOOST_TEST(co_await pool.run<sum_later>(3, 4) == 7);
    BOOST_TEST(co_await pool.run<own_pid>() == worker);
    BOOST_TEST(to_string(pool) == "process pool, 1 worker (1 idle) of 1");
  });
}

BOOST_AUTO_TEST_CASE(values_come_back_as_they_were) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    const double infinity = std::numeric_limits<double>::infinity();
    co_await check_same(pool, std::vector<double>{0.1, -0.0, infinity, -infinity, 5e-324});
    BOOST_TEST(std::isnan(co_await pool.run<same<double>>(std::nan(""))));
    co_await check_same(pool, std::string("with a \0 in it", 14));
    co_await check_same(pool, std::string());
    co_await check_same(pool, std::u32string(U"löwe"));
    co_await check_same(pool, std::vector<bool>{true, false, true});
    co_await check_same(pool, std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
    co_await check_same(pool, std::unordered_map<int, std::string>{{1, "x"}, {2, "y"}});
    co_await check_same(pool, std::set<std::string>{"q", "r"});
    co_await check_same(pool, std::multimap<int, int>{{1, 2}, {1, 3}});
    co_await check_same(pool, std::list<std::deque<char>>{{'a'}, {}});
    co_await check_same(pool, std::optional<std::string>("there"));
    co_await check_same(pool, std::optional<std::string>());
    co_await check_same(pool, std::variant<int, std::string>("second"));
    co_await check_same(pool, std::tuple<int, std::array<float, 2>>{1, {2.5F, 3}});
    co_await check_same(pool, std::pair<colour, std::chrono::nanoseconds>{colour::green, 7ns});
    co_await check_same(pool, std::chrono::system_clock::now());
    co_await check_same(pool, std::filesystem::path("/a b/c"));
    co_await check_same(pool, std::vector<nothing>(1000));
    const sample one{"one", {1, 2}, colour::green};
    co_await check_same(pool, std::vector<sample>{one, {}, one});
  });
}

BOOST_AUTO_TEST_CASE(large_buffers_arrive_whole) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    std::vector<double> numbers(2'000'000);
    for (std::size_t i = 0; i != numbers.size(); ++i) numbers[i] = static_cast<double>(i);
    const auto half = co_await pool.run<halves>(numbers);
    BOOST_REQUIRE(half.size() == numbers.size());
    bool right = true;
    for (std::size_t i = 0; i != half.size(); ++i) right = right && half[i] * 2 == numbers[i];
    BOOST_TEST(right);
    // Not as a whole argument, but inside of one.
    co_await check_same(pool, sample{"long", numbers, colour::red});
    for (const std::size_t size : {4095U, 4096U, 32767U, 32768U, 1'000'001U})
      co_await check_same(pool, std::string(size, 'x'));
  });
}

// What means nothing in another process is refused when it is compiled.
struct unreadable {};
static_assert(!io::detail::can_travel<int*>);
static_assert(!io::detail::can_travel<const char*>);
static_assert(!io::detail::can_travel<std::string_view>);
static_assert(!io::detail::can_travel<std::unique_ptr<int>>);
static_assert(!io::detail::can_travel<unreadable>);
static_assert(!io::detail::can_travel<caf::actor>);
static_assert(!io::detail::can_travel<caf::strong_actor_ptr>);
static_assert(!io::detail::can_travel<std::vector<caf::actor>>);
static_assert(!io::detail::can_travel<std::map<int, std::optional<int*>>>);
static_assert(!io::detail::can_travel<std::variant<int, std::string_view>>);
static_assert(io::detail::can_travel<std::map<int, std::optional<sample>>>);
static_assert(!io::detail::job_shape<int (*)(int&)>::takes_values);
static_assert(io::detail::job_shape<int (*)(const int&)>::takes_values);

BOOST_AUTO_TEST_CASE(bytes_that_end_too_early_or_too_late_are_refused) {
  std::map<std::string, std::variant<int, std::vector<std::string>>> value{
      {"a", 1}, {"b", std::vector<std::string>{"x", "yz"}}};
  io::detail::job_writer out;
  out.add(value);
  const std::string whole(out.text());
  for (std::size_t size = 0; size != whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    io::detail::job_reader in(part, 0);
    decltype(value) back;
    BOOST_CHECK_THROW(in.take(back), std::runtime_error);
  }
  const std::string longer = whole + "?";
  io::detail::job_reader in(longer, 0);
  decltype(value) back;
  in.take(back);
  BOOST_TEST((back == value));
  BOOST_CHECK_THROW(in.finish(), std::runtime_error);
  // A length that nobody has.
  const std::uint64_t huge = io::detail::job_writer::elsewhere | (std::uint64_t{1} << 61);
  const std::string text(reinterpret_cast<const char*>(&huge), sizeof huge);
  io::detail::job_reader greedy(text, 100);
  std::vector<double> numbers;
  BOOST_CHECK_THROW(greedy.take(numbers), std::runtime_error);
}

// -- failures -----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(an_exception_comes_back_with_its_type_and_text) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    const int worker = co_await pool.run<own_pid>();
    try {
      co_await pool.run<fail>(std::string(100'000, 'n'));
      BOOST_ERROR("nothing was thrown");
    } catch (const remote_error& error) {
      BOOST_TEST(error.type() == "std::out_of_range");
      BOOST_TEST(error.what() == std::string(100'000, 'n'));
      BOOST_TEST(error.node() == "worker " + std::to_string(worker) + " of process pool");
    }
    try {
      co_await pool.run<fail_later>();
      BOOST_ERROR("nothing was thrown");
    } catch (const remote_error& error) {
      BOOST_TEST(error.type() == "buskin::timeout_error");
      BOOST_TEST(error.what() == "too late");
    }
    BOOST_CHECK_THROW(co_await pool.run<fail_oddly>(), remote_error);
    // The worker is as good as before.
    BOOST_TEST(co_await pool.run<own_pid>() == worker);
  });
}

task<io::exit_status> how_it_died(task<void> job) {
  try {
    co_await std::move(job);
  } catch (const worker_died& error) {
    BOOST_TEST(is_gone(error.pid()));
    BOOST_TEST_MESSAGE(error.what());
    co_return error.status();
  }
  BOOST_ERROR("no worker died");
  co_return io::exit_status{};
}

// M10
BOOST_AUTO_TEST_CASE(a_worker_that_dies_fails_its_job_alone_and_is_replaced) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 2});
    auto other = spawn(pool.run<pid_after>(300ms));
    co_await until([&] { return pool.workers() == 1 && pool.idle_workers() == 0; }, "a worker");
    for (const int signal : {SIGSEGV, SIGKILL, SIGABRT}) {
      const auto status = co_await how_it_died(pool.run<end_by>(signal));
      BOOST_TEST(status.return_code() == -signal);
    }
    BOOST_TEST((co_await how_it_died(pool.run<leave>(3))).return_code() == 3);
    BOOST_TEST((co_await how_it_died(pool.run<leave>(0))).return_code() == 0);
    // It did not die, but nothing more will come from it.
    co_await how_it_died(pool.run<close_all>());
    try {
      co_await pool.run<end_by>(SIGTERM);
      BOOST_ERROR("no worker died");
    } catch (const worker_died& error) {
      BOOST_TEST(error.signal() == SIGTERM);
      const std::string text = error.what();
      BOOST_TEST(text.find("killed by SIGTERM") != text.npos, text);
      BOOST_TEST(text.find("end_by") != text.npos, text);
    }
    BOOST_TEST(co_await pool.run<twice>(4) == 8);
    BOOST_TEST(co_await other != ::getpid());
  });
}

BOOST_AUTO_TEST_CASE(a_worker_that_dies_without_a_job_is_replaced_in_silence) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    const int first = co_await pool.run<own_pid>();
    ::kill(first, SIGKILL);
    co_await until([&] { return pool.workers() == 0; }, "the pool to notice");
    BOOST_TEST(pool.idle_workers() == 0U);
    BOOST_TEST(co_await pool.run<own_pid>() != first);
  });
}

// M10
BOOST_AUTO_TEST_CASE(the_end_of_a_worker_is_seen_whoever_holds_its_socket) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    const auto begin = std::chrono::steady_clock::now();
    const auto status = co_await how_it_died(pool.run<die_and_leave_a_daemon>());
    BOOST_TEST(status.return_code() == -SIGKILL);
    BOOST_TEST((std::chrono::steady_clock::now() - begin < 10s));
  });
}

BOOST_AUTO_TEST_CASE(a_worker_can_have_a_pool_of_its_own) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    BOOST_TEST(co_await pool.run<twice_in_a_worker_of_its_own>(8) == 16);
  });
}

BOOST_AUTO_TEST_CASE(workers_that_cannot_start_fail_the_jobs_with_the_reason) {
  const variable gone("BUSKIN_TEST_WORKER", "gone");
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    for (int i = 0; i != 3; ++i) {
      try {
        co_await pool.run<twice>(1);
        BOOST_ERROR("it worked");
      } catch (const worker_died& error) {
        BOOST_TEST(error.status().return_code() == 9);
        const std::string text = error.what();
        BOOST_TEST(text.find("before it asked for work") != text.npos, text);
      }
    }
    BOOST_CHECK_THROW(co_await pool.warm_up(), worker_died);
    ::unsetenv("BUSKIN_TEST_WORKER");
    BOOST_TEST(co_await pool.run<twice>(1) == 2);
  });
}

BOOST_AUTO_TEST_CASE(a_worker_that_does_not_ask_for_work_in_time_is_killed) {
  const variable late("BUSKIN_TEST_WORKER", "late");
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1, .start_timeout = 30ms});
    BOOST_CHECK_THROW(co_await pool.run<twice>(1), timeout_error);
    BOOST_TEST(pool.workers() == 0U);
    BOOST_TEST(no_children());
  });
}

// -- cancellation -------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(cancelling_a_job_kills_its_worker_and_what_that_has_started) {
  on_stage([]() -> task<void> {
    const roll_call roll;
    process_pool pool({.workers = 1});
    auto job = spawn(pool.run<last_for_ever>(roll.path()));
    std::array<int, 2> who{};
    co_await until([&] { return roll.next(who); }, "the job to begin");
    BOOST_TEST(pool.pids().at(0) == who[0]);
    job.cancel();
    BOOST_CHECK_THROW(co_await job, cancelled);
    BOOST_TEST(is_gone(who[0]));
    co_await until([&] { return is_gone(who[1]); }, "the end of its child");
    BOOST_TEST(pool.workers() == 0U);
    BOOST_TEST(co_await pool.run<twice>(2) == 4);
  });
}

BOOST_AUTO_TEST_CASE(cancelling_a_job_in_line_takes_it_out) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    co_await pool.warm_up();
    const int worker = pool.pids().at(0);
    auto first = spawn(pool.run<pid_after>(100ms));
    auto second = spawn(pool.run<leave>(1));
    auto third = spawn(pool.run<own_pid>());
    co_await until([&] { return pool.queued_count() == 2; }, "two in line");
    second.cancel();
    BOOST_CHECK_THROW(co_await second, cancelled);
    BOOST_TEST(co_await first == worker);
    BOOST_TEST(co_await third == worker);
  });
}

BOOST_AUTO_TEST_CASE(a_deadline_ends_a_job) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    co_await pool.warm_up();
    BOOST_CHECK_THROW(co_await wait_for(pool.run<take>(1h), 20ms), timeout_error);
    BOOST_TEST(no_children());
  });
}

// -- the line -----------------------------------------------------------------------------------

// M10
BOOST_AUTO_TEST_CASE(a_full_pool_refuses_or_lets_wait) {
  on_stage([]() -> task<void> {
    process_pool strict({.workers = 1, .capacity = 1, .full = when_full::refuse});
    co_await strict.warm_up();
    auto running = spawn(strict.run<take>(100ms));
    auto waiting = spawn(strict.run<twice>(1));
    co_await until([&] { return strict.queued_count() == 1; }, "one in line");
    BOOST_CHECK_THROW(co_await strict.run<twice>(2), executor_full);
    co_await running;
    BOOST_TEST(co_await waiting == 2);
    BOOST_TEST(co_await strict.run<twice>(2) == 4);

    process_pool patient({.workers = 1, .capacity = 1});
    std::vector<task<int>> jobs;
    for (int i = 0; i != 4; ++i) jobs.push_back(patient.run<twice>(i));
    auto all = spawn(gather(std::move(jobs)));
    co_await until([&] { return patient.queued_count() == 1 && patient.waiting_count() == 2; },
                   "one in line and two that wait for room");
    BOOST_TEST((co_await all == std::vector<int>{0, 2, 4, 6}));
  });
}

BOOST_AUTO_TEST_CASE(no_more_workers_run_than_there_may_be_and_the_last_is_used_first) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 2});
    std::vector<task<int>> jobs;
    for (int i = 0; i != 8; ++i) jobs.push_back(pool.run<pid_after>(10ms));
    const auto by = co_await gather(std::move(jobs));
    BOOST_TEST(std::set<int>(by.begin(), by.end()).size() == 2U);
    const int last = co_await pool.run<own_pid>();
    for (int i = 0; i != 5; ++i) BOOST_TEST(co_await pool.run<own_pid>() == last);
    BOOST_TEST(pool.workers() == 2U);
  });
}

BOOST_AUTO_TEST_CASE(workers_are_started_beforehand_if_that_is_wanted) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 3});
    BOOST_TEST(pool.workers() == 0U);
    co_await pool.warm_up();
    BOOST_TEST(pool.idle_workers() == 3U);
    const auto before = pool.pids();
    co_await pool.warm_up();
    BOOST_TEST((pool.pids() == before));
    co_await pool.run<twice>(1);
    BOOST_TEST((pool.pids() == before));
  });
}

BOOST_AUTO_TEST_CASE(a_worker_ends_after_so_many_jobs) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1, .max_jobs_per_worker = 3});
    std::vector<int> by;
    for (int i = 0; i != 7; ++i) by.push_back(co_await pool.run<own_pid>());
    BOOST_TEST(by[0] == by[2]);
    BOOST_TEST(by[2] != by[3]);
    BOOST_TEST(by[3] == by[5]);
    BOOST_TEST(by[5] != by[6]);
    co_await pool.shutdown();
    BOOST_TEST(no_children());
  });
}

task<int> twice_by(process_pool pool, int x) { co_return co_await pool.run<twice>(x); }

BOOST_AUTO_TEST_CASE(tasks_on_all_threads_of_a_runtime_share_a_pool) {
  on_stage(
      []() -> task<void> {
        process_pool pool({.workers = 3, .max_jobs_per_worker = 20});
        std::vector<int> inputs(200);
        for (int i = 0; i != 200; ++i) inputs[static_cast<std::size_t>(i)] = i;
        const auto doubled = co_await map_concurrent(
            inputs, 10, [pool](int x) -> task<int> { return twice_by(pool, x); });
        for (int i = 0; i != 200; ++i) BOOST_TEST(doubled[static_cast<std::size_t>(i)] == 2 * i);
        co_await pool.shutdown();
      },
      3);
}

// -- the end ------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_shutdown_lets_the_jobs_end_and_leaves_no_process) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    auto running = spawn(pool.run<pid_after>(50ms));
    auto waiting = spawn(pool.run<twice>(4));
    co_await until([&] { return pool.queued_count() == 1; }, "one in line");
    co_await pool.shutdown();
    BOOST_TEST(no_children());
    BOOST_TEST(pool.closed());
    BOOST_TEST(co_await running > 0);
    BOOST_TEST(co_await waiting == 8);
    BOOST_CHECK_THROW(co_await pool.run<twice>(1), executor_shutdown);
    BOOST_CHECK_THROW(co_await pool.warm_up(), executor_shutdown);
    co_await pool.shutdown();
  });
}

// M10
BOOST_AUTO_TEST_CASE(a_shutdown_may_refuse_what_waits) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    auto running = spawn(pool.run<pid_after>(50ms));
    auto waiting = spawn(pool.run<twice>(4));
    co_await until([&] { return pool.queued_count() == 1; }, "one in line");
    pool.close(queued_jobs::cancel);
    BOOST_CHECK_THROW(co_await waiting, executor_shutdown);
    BOOST_TEST(!running.done());
    BOOST_TEST(co_await running > 0);
    co_await pool.shutdown();
    BOOST_TEST(no_children());
  });
}

BOOST_AUTO_TEST_CASE(a_shutdown_with_a_limit_kills_what_takes_longer) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    auto running = spawn(pool.run<take>(1h));
    auto waiting = spawn(pool.run<twice>(4));
    co_await until([&] { return pool.queued_count() == 1; }, "one in line");
    co_await pool.shutdown(30ms);
    BOOST_CHECK_THROW(co_await running, executor_shutdown);
    BOOST_CHECK_THROW(co_await waiting, executor_shutdown);
    BOOST_TEST(no_children());
  });
}

BOOST_AUTO_TEST_CASE(the_runtimes_end_is_the_end_of_all_workers) {
  {
    live_stage s;
    const roll_call roll;
    auto main = [](const roll_call& whose) -> task<void> {
      process_pool pool({.workers = 2});
      co_await pool.warm_up();
      spawn(pool.run<last_for_ever>(whose.path()));
      std::array<int, 2> who{};
      co_await until([&] { return whose.next(who); }, "the job to begin");
    };
    s.run(main(roll));
    BOOST_TEST(s.runtime.shutdown().clean());
  }
  BOOST_TEST(no_children());
}

BOOST_AUTO_TEST_CASE(a_worker_has_none_of_our_files_and_is_no_worker_for_its_children) {
  const int leaking = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    // Its streams, its socket, what it knows the program by, and the folder that it reads.
    BOOST_TEST((co_await pool.run<open_files>()).size() == 6U);
    BOOST_TEST(!co_await pool.run<has_variable>("BUSKIN_PROCESS_WORKER"));
    BOOST_TEST(co_await pool.run<has_variable>("PATH"));
  });
  ::close(leaking);
}

BOOST_AUTO_TEST_CASE(a_worker_starts_in_its_own_time_whatever_the_clock_does) {
  buskin::test::stage s;
  auto main = []() -> task<void> {
    process_pool pool({.workers = 1});
    BOOST_TEST(co_await pool.run<pid_after>(20ms) > 0);
    co_await pool.shutdown(10s);
  };
  s.run(main());
  BOOST_TEST(no_children());
}

BOOST_AUTO_TEST_CASE(options_that_make_no_sense_are_refused) {
  on_stage([]() -> task<void> {
    BOOST_CHECK_THROW(process_pool({.max_jobs_per_worker = 0}), std::invalid_argument);
    BOOST_CHECK_THROW(process_pool({.start_timeout = 0ms}), std::invalid_argument);
    BOOST_TEST(process_pool().limit() >= 1U);
    co_return;
  });
  BOOST_CHECK_THROW(process_pool(), invalid_state);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
