// How real children end, and who ends them.
#include <buskin/io/process.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/child_stage.hpp"
#include "io/live_stage.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <boost/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::no_children;
using buskin::test::on_stage;
using buskin::test::piped;
using buskin::test::until;
using how = buskin::io::exit_status::how;
using steady = std::chrono::steady_clock;

/// Somebody is there, and no zombie.
bool alive(int pid) { return ::kill(pid, 0) == 0; }

BOOST_AUTO_TEST_SUITE(process_end_)

// covers SUB-002
BOOST_AUTO_TEST_CASE(a_process_says_what_it_is_and_how_it_stands) {
  on_stage([]() -> task<void> {
    BOOST_TEST(to_string(io::process()) == "a process that was not started");
    auto p = co_await io::exec({"sleep", "600"});
    const std::string who = "process \"sleep\" (pid " + std::to_string(p.pid()) + "), ";
    BOOST_TEST(to_string(p) == who + "running");
    p.kill();
    co_await p.wait();
    BOOST_TEST(to_string(p) == who + "killed by SIGKILL");
    BOOST_CHECK_THROW((void)io::process().wait(), invalid_state);
  });
}

task<int> code_of(io::process p) { co_return (co_await p.wait()).code; }

BOOST_AUTO_TEST_CASE(any_number_of_tasks_wait_for_one_end) {  // covers TRI-037
  auto main = []() -> task<void> {
    auto p = co_await io::shell("read line; exit 9", {}, piped());
    std::vector<task<int>> waiting;
    for (int i = 0; i != 20; ++i) waiting.push_back(code_of(p));
    auto all = spawn(gather(std::move(waiting)));
    co_await p.in().write("go\n");
    for (int code : co_await all) BOOST_TEST(code == 9);
    BOOST_TEST(co_await code_of(p) == 9);
  };
  on_stage(main);
  on_stage(main, 3);
}

// covers SUB-021
BOOST_AUTO_TEST_CASE(a_wait_that_was_cancelled_does_no_harm) {
  on_stage([]() -> task<void> {
    auto p = co_await io::exec({"sleep", "600"});
    BOOST_CHECK_THROW(co_await wait_for(p.wait(), 20ms), timeout_error);
    BOOST_TEST(!p.status());
    p.kill();
    BOOST_TEST((co_await p.wait()).return_code() == -SIGKILL);
  });
}

// covers SUB-010
// P4
BOOST_AUTO_TEST_CASE(a_grandchild_that_holds_the_pipe_does_not_hide_the_end) {
  on_stage([]() -> task<void> {
    io::process_options options;
    options.drain = 1h;
    auto p = co_await io::shell("sleep 600 & echo $!; exit 4", {}, options);
    const int grandchild = std::stoi(co_await p.out().read_until("\n"));
    BOOST_TEST((co_await p.wait()).code == 4);
    BOOST_TEST(alive(grandchild));  // it holds the pipe, and will for an hour
    BOOST_TEST((co_await p.stop()).code == 4);
    co_await until([&] { return !alive(grandchild); }, "the rest of the group to be killed");

    options.drain = 20ms;
    auto bounded = co_await io::shell("sleep 600 & echo $!", {}, options);
    const auto result = co_await bounded.communicate();
    BOOST_TEST(!result.complete);
    const int other = std::stoi(result.out.value());
    co_await until([&] { return !alive(other); }, "the rest of that group");

    auto q = co_await io::shell("sleep 600; echo never");
    q.kill();
    BOOST_TEST((co_await q.wait()).return_code() == -SIGKILL);
    BOOST_TEST((co_await q.communicate()).complete);
  });
}

BOOST_AUTO_TEST_CASE(a_grandchild_may_be_left_if_that_is_asked_for) {
  on_stage([]() -> task<void> {
    io::process_options options;
    options.rest = io::process_options::leftovers::leave;
    options.drain = 10ms;
    auto p = co_await io::shell("sleep 600 & echo $!", {}, options);
    const auto result = co_await p.communicate();
    const int grandchild = std::stoi(result.out.value());
    BOOST_TEST(alive(grandchild));
    ::kill(grandchild, SIGKILL);
  });
}

// P5
BOOST_AUTO_TEST_CASE(one_who_ignores_sigterm_is_killed_after_the_grace) {
  on_stage([]() -> task<void> {
    io::process_options options;
    options.grace = 200ms;
    auto p = co_await io::shell("trap '' TERM; echo ready; while :; do sleep 1; done", {}, options);
    co_await p.out().read_until("ready\n");
    const auto began = steady::now();
    const auto status = co_await p.stop();
    BOOST_TEST(io::to_string(status) == "killed by SIGKILL");
    BOOST_TEST((steady::now() - began >= 200ms));
    BOOST_TEST((steady::now() - began <= 200ms + 1s));
    auto polite = co_await io::shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done");
    co_await polite.out().read_until("ready\n");
    BOOST_TEST((co_await polite.stop()).code == 5);
    auto stopped = co_await io::exec({"sleep", "600"});
    stopped.send_signal(SIGSTOP);
    BOOST_TEST((co_await stopped.stop()).return_code() == -SIGTERM);
  });
}

// covers SUB-008
BOOST_AUTO_TEST_CASE(a_process_in_a_session_of_its_own_or_in_our_group_is_watched_all_the_same) {
  on_stage([]() -> task<void> {
    io::process_options options;
    options.membership = io::process_options::group::session;
    auto p = co_await io::shell("exit 8", {}, options);
    BOOST_TEST((co_await p.wait()).code == 8);
    options.membership = io::process_options::group::ours;
    auto q = co_await io::exec({"sleep", "600"}, options);
    BOOST_TEST(::getpgid(q.pid()) == ::getpgrp());
    q.terminate();  // and not us
    BOOST_TEST((co_await q.wait()).return_code() == -SIGTERM);
  });
}

// -- who ends it ------------------------------------------------------------------------------

task<void> sleeper(int* pid) {
  auto p = co_await io::exec({"sleep", "600"});
  *pid = p.pid();
  co_await p.wait();
}

// covers SUB-022, SUB-034
BOOST_AUTO_TEST_CASE(a_task_that_is_cancelled_leaves_no_process_whenever_that_was) {
  on_stage([]() -> task<void> {
    int pid = 0;
    auto early = spawn(sleeper(&pid));
    early.cancel();
    BOOST_CHECK_THROW(co_await early, cancelled);
    BOOST_TEST(pid == 0);
    auto late = spawn(sleeper(&pid));
    co_await until([&] { return pid != 0; }, "the start");
    late.cancel();
    BOOST_CHECK_THROW(co_await late, cancelled);
    co_await until([&] { return !alive(pid); }, "the end");
  });
}

// covers SUB-024
BOOST_AUTO_TEST_CASE(the_last_handle_ends_the_process_unless_it_is_to_run_on) {
  on_stage([]() -> task<void> {
    auto p = co_await io::exec({"sleep", "600"});
    const int pid = p.pid();
    auto copy = p;
    p = {};
    co_await sleep(20ms);
    BOOST_TEST(alive(pid));
    copy = {};
    co_await until([&] { return !alive(pid); }, "the end");
    // One that has ended already, noticed or not.
    auto ended = co_await io::exec({"true"});
    siginfo_t about{};
    ::waitid(P_PID, static_cast<id_t>(ended.pid()), &about, WEXITED | WNOWAIT);
    ended = {};
    io::process_options options;
    options.on_drop = io::process_options::dropped::keep_on;
    auto lasting = co_await io::exec({"sleep", "600"}, options);
    const int other = lasting.pid();
    lasting = {};
    co_await sleep(50ms);
    BOOST_TEST(alive(other));
  });
}

BOOST_AUTO_TEST_CASE(shutdown_ends_the_processes_and_names_those_that_do_not_end) {
  runtime_options options;
  options.signals = signal_handling::none;
  options.shutdown_timeout = 300ms;
  runtime owner(options);
  std::vector<int> pids;
  auto main = [](std::vector<int>* all) -> task<std::vector<io::process>> {
    std::vector<io::process> held;
    held.push_back(co_await io::exec({"sleep", "600"}));
    held.push_back(co_await io::shell("trap '' TERM; echo; sleep 600; sleep 600"));
    co_await held.back().out().read(1);
    for (const auto& each : held) all->push_back(each.pid());
    co_return held;
  };
  auto held = owner.run_until_complete(main(&pids));
  const auto& report = owner.shutdown();
  BOOST_REQUIRE(report.stragglers.size() == 1U);
  BOOST_TEST(report.stragglers[0].name.find("trap") != std::string::npos);
  BOOST_TEST(report.abandoned.empty());
  for (int pid : pids) BOOST_TEST(!alive(pid));
  BOOST_TEST((held[0].status().value().return_code() == -SIGTERM));
  BOOST_TEST((held[1].status().value().return_code() == -SIGKILL));
  BOOST_TEST(no_children());
}

BOOST_AUTO_TEST_CASE(a_process_whose_actor_is_killed_is_killed_and_reaped) {
  on_stage([]() -> task<void> {
    auto p = co_await io::exec({"sleep", "600"});
    caf::anon_send_exit(p.actor(), caf::exit_reason::kill);
    BOOST_TEST((co_await p.wait()).return_code() == -SIGKILL);
    BOOST_TEST(!alive(p.pid()));
  });
}

// -- many, and what the program around does with SIGCHLD --------------------------------------

std::atomic<int> foreign_signals{0};

/// Half of them fail, so that the end of one is not taken for the end of another.
task<int> short_lives(int group, int count) {
  int good = 0;
  for (int i = 0; i != count; ++i) {
    const int code = (group + i) % 2;
    auto p = co_await io::exec({code == 0 ? "/bin/true" : "/bin/false"});
    if (co_await p.wait() == io::exit_status{how::exited, code, false}) ++good;
  }
  co_return good;
}

task<int> many(int groups, int each) {
  std::vector<task<int>> all;
  for (int i = 0; i != groups; ++i) all.push_back(short_lives(i, each));
  int sum = 0;
  for (int good : co_await gather(std::move(all))) sum += good;
  co_return sum;
}

/// Rounds: each has its deadline, and a machine that is busy starts few programs a second.
void in_rounds(int rounds, unsigned workers) {
  for (int round = 0; round != rounds; ++round)
    on_stage([]() -> task<void> { BOOST_TEST(co_await many(50, 5) == 250); }, workers);
}

// covers SUB-003
// P2
BOOST_AUTO_TEST_CASE(two_thousand_short_processes_are_each_seen_to_end_beside_a_foreign_handler) {
  auto* before = std::signal(SIGCHLD, [](int) { foreign_signals.fetch_add(1); });
  in_rounds(8, 1);
  std::signal(SIGCHLD, before);
  BOOST_TEST(foreign_signals > 0);
}

BOOST_AUTO_TEST_CASE(a_thousand_short_processes_are_each_seen_to_end_by_three_workers) {
  in_rounds(4, 3);
}

task<int> ends_seen(int count) {
  int ends = 0;
  for (int i = 0; i != count; ++i) {
    auto p = co_await io::shell("exit 3");
    const auto status = co_await p.wait();
    if (status.ended == how::unknown || status.code == 3) ++ends;
    // By a look that the kernel grants even so, if it is new enough.
    auto q = co_await io::shell("read line; exit 3", {}, piped());
    const auto late = co_await q.communicate("go\n");
    if (late.status.ended == how::unknown || late.status.code == 3) ++ends;
  }
  co_return ends;
}

// P2
BOOST_AUTO_TEST_CASE(ends_are_seen_although_the_program_ignores_sigchld) {
  auto* before = std::signal(SIGCHLD, SIG_IGN);
  for (int round = 0; round != 4; ++round)
    on_stage([]() -> task<void> {
      std::vector<task<int>> all;
      for (int i = 0; i != 50; ++i) all.push_back(ends_seen(5));
      int sum = 0;
      for (const int ends : co_await gather(std::move(all))) sum += ends;
      BOOST_TEST(sum == 500);
    });
  std::signal(SIGCHLD, before);
}

// -- the message face -------------------------------------------------------------------------

// covers SUB-031
BOOST_AUTO_TEST_CASE(a_plain_caf_actor_can_write_read_signal_and_learn_of_the_end) {
  on_stage([]() -> task<void> {
    queue<std::string> journal;
    auto p = co_await io::shell("read line; echo got $line; echo bad >&2; read more; exit 6", {},
                                piped());
    auto watcher = runtime::current().system().spawn(
        [journal, process = p.actor()](caf::event_based_actor* self) -> caf::behavior {
          self->send(process, subscribe::value);
          self->request(process, caf::infinite, io::process_write::value, std::string("words\n"))
              .then([journal] { journal.put_nowait("accepted"); });
          self->request(process, caf::infinite, io::process_exit::value)
              .then([journal](const io::exit_status& status) {
                journal.put_nowait("answer: " + io::to_string(status));
              });
          return {[journal](io::process_out, const std::string& bytes) {
                    journal.put_nowait("out: " + bytes);
                  },
                  [journal](io::process_err, const std::string& bytes) {
                    journal.put_nowait("err: " + bytes);
                  },
                  [journal](io::process_exit, const io::exit_status& status) {
                    journal.put_nowait("end: " + io::to_string(status));
                  }};
        });
    std::vector<std::string> seen;
    for (int i = 0; i != 3; ++i) seen.push_back(co_await journal.get());
    std::sort(seen.begin(), seen.end());
    BOOST_TEST(seen == (std::vector<std::string>{"accepted", "err: bad\n", "out: got words\n"}),
               boost::test_tools::per_element());
    send(p.actor(), io::process_end_input::value);
    seen = {co_await journal.get(), co_await journal.get()};
    std::sort(seen.begin(), seen.end());
    BOOST_TEST(seen[0] == "answer: exited with 6");
    BOOST_TEST(seen[1] == "end: exited with 6");
    caf::anon_send_exit(watcher, caf::exit_reason::user_shutdown);

    auto q = co_await io::exec({"sleep", "600"});
    co_await ask<void>(q.actor(), 10s, io::process_signal::value, static_cast<int>(SIGTERM));
    BOOST_TEST((co_await q.wait()).return_code() == -SIGTERM);
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
