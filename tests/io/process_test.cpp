// Real children: what they are given, what they write, how they end.
#include <buskin/io/process.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/child_stage.hpp"
#include "io/live_stage.hpp"
#include "io/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::io::redirect;
using buskin::test::live_stage;
using buskin::test::no_children;
using buskin::test::on_stage;
using buskin::test::piped;
using buskin::test::scratch;
using buskin::test::until;
using how = buskin::io::exit_status::how;

BOOST_AUTO_TEST_SUITE(process_)

// covers SUB-007, SUB-001
// P1
BOOST_AUTO_TEST_CASE(every_exit_code_is_reported_as_it_is) {
  on_stage([]() -> task<void> {
    for (int code = 0; code != 256; ++code) {
      auto p = co_await io::shell("exit {}", {std::to_string(code)});
      const auto status = co_await p.wait();
      BOOST_TEST((status == io::exit_status{how::exited, code, false}));
      BOOST_TEST(io::to_string(status) == "exited with " + std::to_string(code));
      BOOST_TEST((p.status() == status));
      for (auto signal : {&io::process::terminate, &io::process::kill})
        BOOST_CHECK_EXCEPTION((p.*signal)(), std::system_error, [](const std::system_error& e) {
          return e.code() == std::errc::no_such_process;
        });
    }
  });
}

/// Those that end a process which does nothing about them.
std::vector<int> deadly_signals() {
  std::vector<int> numbers;
  for (int number = 1; number <= SIGRTMAX; ++number) {
    const bool harmless = number == SIGCHLD || number == SIGCONT || number == SIGURG ||
                          number == SIGWINCH || number == SIGSTOP || number == SIGTSTP ||
                          number == SIGTTIN || number == SIGTTOU;
    const bool of_the_library = number > SIGSYS && number < SIGRTMIN;
    if (!harmless && !of_the_library) numbers.push_back(number);
  }
  return numbers;
}

// covers SUB-009, SUB-011, SUB-012, EVT-037
// P1
BOOST_AUTO_TEST_CASE(every_deadly_signal_is_reported_by_number_and_name) {
  on_stage([]() -> task<void> {
    BOOST_TEST(deadly_signals().size() == 23U + static_cast<std::size_t>(SIGRTMAX - SIGRTMIN + 1));
    for (const int number : deadly_signals()) {
      auto p = co_await io::exec({"sleep", "600"});
      if (number == SIGTERM)
        p.terminate();
      else if (number == SIGKILL)
        p.kill();
      else
        p.send_signal(number);
      const auto status = co_await p.wait();
      BOOST_TEST((status.ended == how::signalled));
      BOOST_TEST(status.code == number);
      BOOST_TEST(status.return_code() == -number);
      const char* name = ::sigabbrev_np(number);
      BOOST_TEST(io::to_string(status).starts_with(
          name != nullptr ? std::string("killed by SIG") + name
                          : "killed by signal " + std::to_string(number)));
      // By itself, with what wait tells of it.
      auto q = co_await io::shell("kill -{} $$", {std::to_string(number)});
      BOOST_TEST((co_await q.wait()).return_code() == -number);
    }
  });
}

// P1
BOOST_AUTO_TEST_CASE(it_is_told_whether_core_was_dumped) {
  const scratch folder;
  std::string pattern;
  std::ifstream("/proc/sys/kernel/core_pattern") >> pattern;
  on_stage([&]() -> task<void> {
    io::process_options options;
    options.cwd = folder.path();
    auto without = co_await io::shell("ulimit -c 0; kill -ABRT $$", {}, options);
    BOOST_TEST((co_await without.wait() == io::exit_status{how::signalled, SIGABRT, false}));
    if (pattern.find_first_of("|/") != std::string::npos) {
      BOOST_TEST_MESSAGE("skipped: core goes to " << pattern << " here, not into the folder");
      co_return;
    }
    auto with = co_await io::shell("ulimit -c unlimited && kill -ABRT $$", {}, options);
    const auto status = co_await with.wait();
    if (status.ended == how::exited) {
      BOOST_TEST_MESSAGE("skipped: ulimit -c is not to be raised here");
      co_return;
    }
    BOOST_TEST((status == io::exit_status{how::signalled, SIGABRT, true}));
    BOOST_TEST(io::to_string(status) == "killed by SIGABRT (core dumped)");
    BOOST_TEST(folder.count() == 1);
  });
}

// covers UNX-018
BOOST_AUTO_TEST_CASE(no_handler_of_ours_runs_in_a_process_and_its_signals_do_not_reach_us) {
  live_stage s;
  static volatile std::sig_atomic_t caught;
  caught = 0;
  struct sigaction counting {};
  struct sigaction before {};
  counting.sa_handler = [](int) { caught = caught + 1; };
  ::sigaction(SIGUSR2, &counting, &before);
  int told = 0;
  s.runtime.add_signal_handler(SIGUSR1, [&] { ++told; });
  auto main = [&]() -> task<void> {
    for (int i = 0; i != 200; ++i) {
      auto p = co_await io::exec({"sleep", "600"});
      const int number = i % 2 == 0 ? SIGUSR1 : SIGUSR2;
      p.send_signal(number);  // perhaps before it is another program than this
      BOOST_TEST((co_await p.wait()).return_code() == -number);
    }
    BOOST_TEST(told == 0);
    BOOST_TEST(caught == 0);
    std::raise(SIGUSR1);
    std::raise(SIGUSR2);
    co_await until([&] { return told == 1; }, "our own signal");
    BOOST_TEST(caught == 1);
  };
  s.run(main());
  ::sigaction(SIGUSR2, &before, nullptr);
}

// covers SUB-012
BOOST_AUTO_TEST_CASE(a_process_starts_with_nothing_ignored_or_blocked) {
  on_stage([]() -> task<void> {
    auto* before = std::signal(SIGTERM, SIG_IGN);
    sigset_t blocked;
    sigset_t mask;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &blocked, &mask);
    auto p = co_await io::exec({"sleep", "600"});
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    std::signal(SIGTERM, before);
    p.terminate();
    BOOST_TEST((co_await p.wait()).return_code() == -SIGTERM);
  });
}

// P7
BOOST_AUTO_TEST_CASE(arguments_arrive_byte_for_byte) {
  on_stage([]() -> task<void> {
    const std::vector<std::string> odd{"two words", "'",    "\"",          "; rm -rf /tmp/nowhere",
                                       "$(id)",     "`id`", "line\nbreak", "",
                                       "\xff\xfe",  "*",    "$HOME",       "{}"};
    std::string all;
    for (const auto& each : odd) all += "<" + each + ">";
    io::argument_vector argv{"printf", "<%s>"};
    for (const auto& each : odd) argv.push_back(each);
    auto p = co_await io::exec(argv);
    BOOST_TEST((co_await p.communicate()).out.value() == all);
    for (const auto& each : odd) {
      auto quoted = co_await io::shell("printf '<%s>' {} | cat", {each});
      BOOST_TEST((co_await quoted.communicate()).out.value() == "<" + each + ">");
    }
    auto raw = co_await io::shell_raw("echo $((1 + 1))");
    BOOST_TEST((co_await raw.communicate()).out.value() == "2\n");
  });
}

BOOST_AUTO_TEST_CASE(a_shell_command_needs_as_many_arguments_as_it_has_places) {
  on_stage([]() -> task<void> {
    BOOST_CHECK_THROW(co_await io::shell("echo {} {}", {"one"}), std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::shell("echo", {"one"}), std::invalid_argument);
    auto p = co_await io::shell("echo '\\'{}\"a\\\"b\"", {"x y"});
    BOOST_TEST((co_await p.communicate()).out.value() == "\\x ya\"b\n");
  });
}

// covers SUB-028
BOOST_AUTO_TEST_CASE(programs_and_arguments_may_be_paths) {
  on_stage([]() -> task<void> {
    auto p = co_await io::exec({std::filesystem::path("/bin/echo"), std::filesystem::path("a b")});
    BOOST_TEST((co_await p.communicate()).out.value() == "a b\n");
  });
}

task<std::system_error> failure_of(io::argument_vector argv, io::process_options options = {}) {
  try {
    co_await io::exec(std::move(argv), std::move(options));
  } catch (const std::system_error& error) {
    co_return error;
  }
  throw std::logic_error("it could be started");
}

// P8
BOOST_AUTO_TEST_CASE(a_program_that_cannot_be_started_is_an_error_with_its_path_and_no_process) {
  on_stage([]() -> task<void> {
    scratch folder;
    auto shows = [](const std::system_error& error, std::errc code, const std::string& text) {
      BOOST_TEST((error.code() == code), error.what());
      BOOST_TEST(std::string(error.what()).find(text) != std::string::npos, error.what());
    };
    const auto actors = runtime::current().alive();
    shows(co_await failure_of({"buskin-has-no-such-program"}), std::errc::no_such_file_or_directory,
          "buskin-has-no-such-program: it is not in the PATH");
    shows(co_await failure_of({"/no/such/program"}), std::errc::no_such_file_or_directory,
          "/no/such/program");
    const auto plain = folder.with("plain", "#!/bin/sh\n");
    shows(co_await failure_of({plain}), std::errc::permission_denied, plain);
    const auto lost = folder.with("lost", "#!/no/such/interpreter\n", 0755);
    shows(co_await failure_of({lost}), std::errc::no_such_file_or_directory,
          lost.string() + ": it exists, but the interpreter");
    const auto text = folder.with("text", "just text\n", 0755);
    shows(co_await failure_of({text}), std::errc::executable_format_error, text);
    io::process_options elsewhere;
    elsewhere.cwd = "/no/such/folder";
    shows(co_await failure_of({"/bin/true"}, elsewhere), std::errc::no_such_file_or_directory,
          "in /no/such/folder, which cannot be entered");
    shows(co_await failure_of({"true", std::string(200'000, 'x')}),
          std::errc::argument_list_too_long, "true");
    io::process_options to_file;
    to_file.out = redirect::file("/no/such/folder/file");
    shows(co_await failure_of({"true"}, to_file), std::errc::no_such_file_or_directory,
          "/no/such/folder/file as the output");
    BOOST_CHECK_THROW(co_await io::exec({}), std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::exec({"echo", std::string("a\0b", 3)}), std::invalid_argument);
    BOOST_TEST(runtime::current().alive() == actors);
    BOOST_TEST(no_children());
  });
}

// -- streams ----------------------------------------------------------------------------------

// covers SUB-006, SUB-017, SUB-018
BOOST_AUTO_TEST_CASE(communicate_gives_the_input_closes_it_and_takes_both_outputs) {
  on_stage([]() -> task<void> {
    auto cat = co_await io::shell("cat; echo problem >&2; exit 3", {}, piped());
    const auto result = co_await cat.communicate("some input");
    BOOST_TEST(result.out.value() == "some input");
    BOOST_TEST(result.err.value() == "problem\n");
    BOOST_TEST(result.status.code == 3);
    BOOST_TEST(result.complete);
    auto nothing = co_await io::exec({"cat"}, piped());
    BOOST_TEST((co_await nothing.communicate()).out.value() == "");
    auto null = co_await io::exec({"cat"});
    BOOST_TEST((co_await null.communicate()).out.value() == "");
    auto refused = co_await io::exec({"cat"});
    BOOST_CHECK_THROW(co_await refused.communicate("lost"), invalid_state);
  });
}

// covers SUB-015
BOOST_AUTO_TEST_CASE(megabytes_go_through_in_both_directions) {
  auto main = []() -> task<void> {
    auto cat = co_await io::exec({"cat"}, piped());
    const std::string input(3'000'000, 'x');
    BOOST_TEST(((co_await cat.communicate(input)).out.value() == input));
    // By hand: the reader is slower than the process, which waits.
    auto seq = co_await io::exec({"seq", "1", "100000"});
    co_await until([&] { return seq.status() || seq.unread_lost() > 0; }, "the unread output");
    auto slow = co_await io::shell("cat", {}, piped());
    auto in = slow.in();
    auto out = slow.out();
    auto writing = spawn([](io::stream to, std::string bytes) -> task<void> {
      co_await to.write(bytes);
      to.write_eof();
    }(in, input));
    std::size_t sum = 0;
    for (;;) {
      const auto part = co_await out.read(1'000);
      if (part.empty()) break;
      sum += part.size();
    }
    co_await writing;
    BOOST_TEST(sum == input.size());
    BOOST_TEST(slow.unread_lost() == 0U);
    BOOST_TEST((co_await slow.wait()).success());
  };
  on_stage(main);
  on_stage(main, 3);
}

BOOST_AUTO_TEST_CASE(what_nobody_reads_keeps_nobody_waiting_and_its_newest_part_is_kept) {
  on_stage([]() -> task<void> {
    auto p = co_await io::exec({"seq", "1", "200000"});
    auto unused = p.out();
    BOOST_TEST((co_await p.wait()).success());
    co_await until([&] { return p.unread_lost() == 1'288'895U - 65'536U; }, "all of the output");
    BOOST_CHECK_EXCEPTION(co_await unused.read(), std::system_error,
                          [](const auto& e) { return e.code() == std::errc::no_buffer_space; });
    const auto tail = co_await unused.read_exactly(65'536);
    BOOST_TEST(tail.ends_with("199999\n200000\n"));
    BOOST_TEST(co_await unused.read() == "");
  });
}

BOOST_AUTO_TEST_CASE(a_task_that_read_a_line_may_wait_for_the_end_without_reading_the_rest) {
  on_stage([]() -> task<void> {
    auto p = co_await io::exec({"seq", "1", "300000"});
    BOOST_TEST(co_await p.out().read_until("\n") == "1\n");
    BOOST_TEST((co_await p.wait()).success());
    // Also when the reader has ended and somebody else waits.
    auto q = co_await io::exec({"seq", "1", "300000"});
    co_await spawn([](io::stream from) -> task<void> { co_await from.read(1); }(q.out()));
    BOOST_TEST((co_await q.wait()).success());
  });
}

BOOST_AUTO_TEST_CASE(output_beyond_the_limit_of_communicate_ends_the_process_with_its_name) {
  on_stage([]() -> task<void> {
    auto p = co_await io::exec({"yes"});
    BOOST_CHECK_EXCEPTION(co_await p.communicate({}, 100'000), limit_overrun, [](const auto& e) {
      return e.limit() == 100'000 && std::string(e.what()).find("\"yes\"") != std::string::npos;
    });
    BOOST_TEST((p.status().value().ended == how::signalled));
  });
}

BOOST_AUTO_TEST_CASE(a_communicate_that_was_cut_short_can_be_repeated_without_loss) {
  on_stage([]() -> task<void> {
    auto p = co_await io::shell("seq 1 50000; read line; echo $line", {}, piped());
    auto in = p.in();
    BOOST_CHECK_THROW(co_await timeout(200ms,
                                       [&]() -> task<void> {
                                         auto q = co_await io::shell("echo first; sleep 600");
                                         co_await q.communicate();
                                       }),
                      timeout_error);
    auto r = co_await io::shell("seq 1 50000; sleep 1; echo last");
    BOOST_CHECK_THROW(co_await wait_for(r.communicate(), 300ms), timeout_error);
    const auto result = co_await r.communicate();
    BOOST_TEST(result.out.value().starts_with("1\n2\n"));
    BOOST_TEST(result.out.value().ends_with("50000\nlast\n"));
    BOOST_TEST(r.unread_lost() == 0U);
    co_await in.write("done\n");
    BOOST_TEST((co_await p.communicate()).out.value().ends_with("50000\ndone\n"));
  });
}

// covers SUB-013
BOOST_AUTO_TEST_CASE(writing_to_one_who_is_gone_is_an_error_and_no_signal) {
  on_stage([]() -> task<void> {
    auto p = co_await io::exec({"true"}, piped());
    co_await p.wait();
    const std::string much(1'000'000, 'x');
    BOOST_CHECK_EXCEPTION(co_await p.in().write(much), std::system_error,
                          [](const auto& e) { return e.code() == std::errc::broken_pipe; });
    BOOST_TEST((co_await p.wait()).success());
    auto careless = co_await io::exec({"true"}, piped());
    BOOST_TEST((co_await careless.communicate(much)).status.success());
  });
}

// covers SUB-016
BOOST_AUTO_TEST_CASE(a_process_inherits_no_descriptor_that_was_not_passed) {
  on_stage([]() -> task<void> {
    const int leaky = ::open("/dev/null", O_RDONLY);  // without close-on-exec
    auto other = co_await io::exec({"cat"}, piped());
    auto p = co_await io::shell("cd /proc/self/fd; echo [0-9]*");
    // 3 is the shell's own, for the folder.
    const auto plain = (co_await p.communicate()).out.value();
    BOOST_TEST((plain == "0 1 2\n" || plain == "0 1 2 3\n"), plain);
    int ends[2];
    BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    auto options = piped();
    options.pass = {ends[1]};
    auto q = co_await io::shell("echo passed >&3; cat", {}, options);
    ::close(ends[1]);
    BOOST_TEST((co_await q.communicate("through")).out.value() == "through");
    char buffer[16]{};
    BOOST_TEST(::read(ends[0], buffer, sizeof buffer) == 7);
    BOOST_TEST(::read(ends[0], buffer, sizeof buffer) == 0);
    ::close(ends[0]);
    ::close(leaky);
    co_await other.communicate();
  });
}

// covers SUB-019, SUB-020, EVT-035
BOOST_AUTO_TEST_CASE(streams_lead_to_files_to_null_to_descriptors_and_into_each_other) {
  on_stage([]() -> task<void> {
    scratch folder;
    io::process_options options;
    options.out = redirect::null();
    auto null = co_await io::shell("echo unseen; echo seen >&2", {}, options);
    const auto result = co_await null.communicate();
    BOOST_TEST(!result.out.has_value());
    BOOST_TEST(result.err.value() == "seen\n");
    BOOST_CHECK_THROW(null.out(), invalid_state);

    options = {};
    options.err = redirect::merge();
    auto merged = co_await io::shell("echo one; echo two >&2; echo three", {}, options);
    const auto both = co_await merged.communicate();
    BOOST_TEST(both.out.value() == "one\ntwo\nthree\n");
    BOOST_TEST(!both.err.has_value());

    const auto file = folder.path() / "file";
    for (auto to : {redirect::file(file), redirect::append(file)}) {
      options = {};
      options.out = to;
      options.err = redirect::inherit();
      auto p = co_await io::exec({"echo", "line"}, options);
      co_await p.wait();
    }
    options = {};
    options.in = redirect::file(file);
    auto back = co_await io::exec({"cat"}, options);
    BOOST_TEST((co_await back.communicate()).out.value() == "line\nline\n");

    const int number = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    options.in = redirect::descriptor(number);
    auto from = co_await io::exec({"cat"}, options);
    BOOST_TEST((co_await from.communicate()).out.value() == "line\nline\n");
    ::close(number);

    auto again = co_await io::exec({"cat", "/dev/stdin"}, piped());
    BOOST_TEST((co_await again.communicate("by its path")).out.value() == "by its path");
  });
}

// covers EVT-026, EVT-038
BOOST_AUTO_TEST_CASE(closing_our_end_of_its_output_makes_its_next_write_fail) {
  on_stage([]() -> task<void> {
    auto p = co_await io::shell(
        "read line; trap '' PIPE; echo lost 2>/dev/null || echo failed >&2; echo on >&2", {},
        piped());
    p.out().close();
    co_await p.in().write("go\n");
    auto err = p.err();
    BOOST_TEST(co_await err.read_until("on\n") == "failed\non\n");
    BOOST_TEST(co_await err.read() == "");
    BOOST_TEST(co_await err.read() == "");
    BOOST_TEST((co_await p.wait()).success());
  });
}

BOOST_AUTO_TEST_CASE(a_pseudo_terminal_is_a_terminal_of_the_process_with_a_size) {
  on_stage([]() -> task<void> {
    io::process_options options;
    options.in = options.out = options.err = redirect::pty();
    options.terminal_size = {33, 99};
    auto p = co_await io::shell(
        "stty -echo; test -t 0 && test -t 1 && test -t 2 && stty size </dev/tty; read a; echo $a; "
        "cat",
        {}, options);
    auto out = p.out();
    BOOST_TEST(co_await out.read_until("\n") == "33 99\r\n");
    co_await p.in().write("typed\n");
    BOOST_TEST(co_await out.read_until("\n") == "typed\r\n");
    p.in().write_eof();
    BOOST_TEST(co_await out.read() == "");
    BOOST_TEST((co_await p.wait()).success());
  });
}

BOOST_AUTO_TEST_CASE(a_process_has_the_folder_the_environment_and_the_niceness_it_was_given) {
  on_stage([]() -> task<void> {
    scratch folder;
    io::process_options options;
    options.cwd = folder.path();
    options.env.set = {{"BUSKIN_COLOUR", "blue"}};
    options.env.remove = {"HOME"};
    options.nice = 7;
    auto p = co_await io::shell("pwd; echo $BUSKIN_COLOUR; echo ${HOME-none}; sleep 0.1; nice", {},
                                options);
    BOOST_TEST((co_await p.communicate()).out.value() ==
               folder.path().string() + "\nblue\nnone\n7\n");
    options = {};
    options.env.from = io::environment::base::empty;
    options.env.set = {{"ONLY", "this"}};
    auto q = co_await io::exec({"env"}, options);
    BOOST_TEST((co_await q.communicate()).out.value() == "ONLY=this\n");
    options.env.set = {{"A=B", "this"}};
    BOOST_CHECK_THROW(co_await io::exec({"env"}, options), std::invalid_argument);
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
