// Programs from their start to their end in one call.
#include <buskin/io/run_process.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/child_stage.hpp"
#include "io/live_stage.hpp"

#include <boost/test/unit_test.hpp>

#include <stdlib.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::io::run_process;
using buskin::test::live_stage;
using buskin::test::no_children;
using buskin::test::on_stage;
using buskin::test::until;
using steady = std::chrono::steady_clock;

io::run_process_options tolerant() {
  io::run_process_options options;
  options.unsuccessful = io::run_process_options::failure::is_returned;
  return options;
}

io::argument_vector shell(const std::string& text) { return {"/bin/sh", "-c", text}; }

BOOST_AUTO_TEST_SUITE(run_process_)

// covers TRI-035
BOOST_AUTO_TEST_CASE(a_run_gives_the_input_and_yields_both_outputs) {
  on_stage([]() -> task<void> {
    io::run_process_options options;
    options.input = std::string(1 << 20, 'x') + "\n";
    const auto result = co_await run_process(shell("echo some trouble >&2; cat"), options);
    BOOST_TEST((result.out == options.input));
    BOOST_TEST(result.err.value() == "some trouble\n");
    BOOST_TEST(result.status.success());
    // Without an input there is nothing to read, and no waiting for it.
    BOOST_TEST((co_await run_process({"cat"})).out.value().empty());
  });
}

// covers TRI-035
BOOST_AUTO_TEST_CASE(another_end_than_success_throws_with_all_that_was_written) {
  on_stage([]() -> task<void> {
    const auto failing = shell("echo half; echo one >&2; echo what went wrong >&2; exit 3");
    try {
      co_await run_process(failing);
      BOOST_ERROR("it has failed");
    } catch (const io::process_failed& e) {
      BOOST_TEST(e.status().code == 3);
      BOOST_TEST(e.output().out.value() == "half\n");
      BOOST_TEST(e.output().err.value() == "one\nwhat went wrong\n");
      const std::string text = e.what();
      BOOST_TEST(text.starts_with("process \"sh\" (pid "), text);
      BOOST_TEST(text.ends_with(", exited with 3: what went wrong"), text);
    }
    const auto result = co_await run_process(failing, tolerant());
    BOOST_TEST(result.status.code == 3);
    BOOST_TEST(result.out.value() == "half\n");
    BOOST_CHECK_EXCEPTION(
        co_await run_process(shell("kill -TERM $$")), io::process_failed,
        [](const io::process_failed& e) { return e.status().return_code() == -SIGTERM; });
    BOOST_CHECK_THROW(co_await run_process({"/no/such/program"}), std::system_error);
  });
}

// covers TRI-035
BOOST_AUTO_TEST_CASE(that_nobody_reads_the_input_is_no_failure) {
  on_stage([]() -> task<void> {
    io::run_process_options options;
    options.input = std::string(4 << 20, 'x');
    const auto result = co_await run_process(shell("exec <&-; echo done"), options);
    BOOST_TEST(result.out.value() == "done\n");
  });
}

BOOST_AUTO_TEST_CASE(too_much_output_ends_a_run) {
  on_stage([]() -> task<void> {
    io::run_process_options options;
    options.limit = 1000;
    BOOST_CHECK_THROW(co_await run_process({"yes"}, options), limit_overrun);
  });
}

task<void> run_script(std::string script, io::run_process_options options) {
  co_await run_process(shell(script), std::move(options));
}

// covers TRI-036
BOOST_AUTO_TEST_CASE(
    a_run_that_is_cancelled_ends_its_program_politely_and_kills_it_after_the_grace) {
  on_stage([]() -> task<void> {
    char name[] = "/tmp/buskin_run_XXXXXX";
    BOOST_REQUIRE(::mkdtemp(name) != nullptr);
    const std::filesystem::path folder = name;
    const auto written = [&](const char* file) { return std::filesystem::exists(folder / file); };
    io::run_process_options options;
    options.start.cwd = folder;
    options.start.grace = 200ms;
    auto polite = spawn(run_script(
        "trap 'touch asked; exit' TERM; touch polite; while :; do sleep 0.05; done", options));
    co_await until([&] { return written("polite"); }, "the polite one's start");
    polite.cancel();
    BOOST_CHECK_THROW(co_await polite, cancelled);
    BOOST_TEST(written("asked"));
    BOOST_TEST(no_children());  // it is the run that waits for the end

    auto deaf =
        spawn(run_script("trap '' TERM; touch deaf; while :; do sleep 0.05; done", options));
    co_await until([&] { return written("deaf"); }, "the deaf one's start");
    const auto began = steady::now();
    deaf.cancel();
    BOOST_CHECK_THROW(co_await deaf, cancelled);
    BOOST_TEST((steady::now() - began >= 200ms));
    BOOST_TEST(no_children());
    std::filesystem::remove_all(folder);
  });
}

// covers TRI-036
BOOST_AUTO_TEST_CASE(how_it_is_stopped_can_be_replaced_and_what_goes_wrong_there_is_not_lost) {
  on_stage([]() -> task<void> {
    std::vector<io::process> stopped;
    io::run_process_options options;
    options.stop = [&stopped](io::process which) -> task<void> {
      which.send_signal(SIGINT);
      co_await which.wait();
      stopped.push_back(which);
    };
    const auto cancelled_run = [](io::run_process_options how) -> task<void> {
      co_await run_process({"sleep", "600"}, std::move(how));
    };
    auto gentle = spawn(cancelled_run(options));
    co_await sleep(20ms);
    gentle.cancel();
    BOOST_CHECK_THROW(co_await gentle, cancelled);
    BOOST_REQUIRE(stopped.size() == 1U);
    BOOST_TEST(stopped[0].status().value().return_code() == -SIGINT);

    options.stop = [&stopped](io::process which) -> task<void> {
      stopped.push_back(which);
      throw std::runtime_error("the stop itself went wrong");
      co_return;
    };
    auto failing = spawn(cancelled_run(options));
    co_await sleep(20ms);
    failing.cancel();
    BOOST_CHECK_EXCEPTION(co_await failing, std::runtime_error, [](const std::runtime_error& e) {
      return e.what() == std::string("the stop itself went wrong");
    });
    BOOST_REQUIRE(stopped.size() == 2U);
    BOOST_TEST(stopped[1].status().value().return_code() == -SIGTERM);

    // One that returns without having stopped it.
    options.stop = [](io::process) -> task<void> { co_return; };
    auto idle = spawn(cancelled_run(options));
    co_await sleep(20ms);
    idle.cancel();
    BOOST_CHECK_THROW(co_await idle, cancelled);
    BOOST_TEST(no_children());
  });
}

// covers TRI-037: the stage counts the descriptors.
BOOST_AUTO_TEST_CASE(many_runs_leave_no_descriptor_and_no_child) {
  live_stage s;
  auto main = []() -> task<void> {
    co_await run_process({"true"});  // what is opened once and for all
    const auto before = buskin::test::open_descriptors();
    auto one = [](int number) -> task<std::string> {
      io::run_process_options options;
      options.input = std::to_string(number);
      co_return (co_await run_process({"cat"}, options)).out.value();
    };
    for (int round = 0; round != 10; ++round) {
      std::vector<task<std::string>> all;
      for (int i = 0; i != 20; ++i) all.push_back(one(i));
      const auto texts = co_await gather(std::move(all));
      for (int i = 0; i != 20; ++i)
        BOOST_TEST(texts[static_cast<std::size_t>(i)] == std::to_string(i));
    }
    BOOST_TEST(buskin::test::open_descriptors() <= before);
    BOOST_TEST(no_children());
  };
  s.run(main());
}

// covers BAS-016, EVT-039: what does not compile is refused.
template <class... Args>
concept can_run = requires(Args... args) {
  io::exec(std::move(args)...);
};
static_assert(can_run<io::argument_vector>);
static_assert(can_run<io::argument_vector, io::process_options>);
static_assert(!can_run<std::string> && !can_run<int> && !can_run<io::shell_command>);
static_assert(!can_run<io::argument_vector, int>);
static_assert(!std::is_convertible_v<std::string, io::redirect>);
static_assert(!std::is_convertible_v<int, io::redirect>);

// covers BAS-016, EVT-039
BOOST_AUTO_TEST_CASE(options_that_make_no_sense_are_refused_and_start_nothing) {
  on_stage([]() -> task<void> {
    const auto refused = [](auto change) -> task<void> {
      io::process_options options;
      change(options);
      BOOST_CHECK_THROW(co_await io::exec({"true"}, options), std::invalid_argument);
      BOOST_TEST(no_children());
    };
    co_await refused([](auto& o) { o.out = io::redirect::merge(); });
    co_await refused([](auto& o) { o.in = io::redirect::merge(); });
    co_await refused([](auto& o) { o.in = io::redirect::append("/dev/null"); });
    co_await refused([](auto& o) { o.env.set["no=name"] = "x"; });
    co_await refused([](auto& o) { o.env.set[""] = "x"; });
    co_await refused([](auto& o) { o.env.set["x"] = std::string("a\0b", 3); });
    BOOST_CHECK_THROW(co_await io::exec({}), std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::exec({""}), std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::exec({std::string("tr\0ue", 5)}), std::invalid_argument);
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
