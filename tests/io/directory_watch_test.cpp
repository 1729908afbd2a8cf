// What happens in a directory.
#include <buskin/io/directory_watch.hpp>

#include <buskin/actors/queue.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/file.hpp>
#include <buskin/io/line_reader.hpp>
#include <buskin/io/process.hpp>
#include <buskin/io/whole_file.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::scratch;
using io::directory_event;
using io::directory_watch;
using kind = io::directory_event::kind;

namespace fs = std::filesystem;

/// Texts of the next events, without the folder.
task<std::vector<std::string>> next_of(directory_watch watch, const scratch& folder, int count) {
  std::vector<std::string> all;
  for (; count != 0; --count) {
    std::string text = to_string(co_await watch.next());
    const std::string prefix = folder.path().string() + "/";
    for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
      text.erase(at, prefix.size());
    all.push_back(std::move(text));
  }
  co_return all;
}

void expect(const std::vector<std::string>& got, const std::vector<std::string>& expected) {
  BOOST_TEST(got == expected, boost::test_tools::per_element());
}

task<directory_event> next_event(directory_watch watch) { co_return co_await watch.next(); }

BOOST_AUTO_TEST_SUITE(directory_watch_)

BOOST_AUTO_TEST_CASE(the_life_of_a_file_is_told_in_order) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    const auto watch = co_await directory_watch::open(folder.path());
    folder.with("a", "text");
    fs::permissions(folder / "a", fs::perms(0600));
    fs::rename(folder / "a", folder / "b");
    fs::remove(folder / "b");
    expect(co_await next_of(watch, folder, 6),
           {"created a", "modified a", "written a", "changed a", "moved a to b", "deleted b"});
    fs::create_directory(folder / "d");
    const auto event = co_await watch.next();
    BOOST_TEST((event.what == kind::created && event.is_directory));
    BOOST_TEST(event.path == folder / "d");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_move_out_or_in_has_one_end_and_one_between_watched_directories_two) {
  live_stage s;
  const scratch folder;
  const scratch elsewhere;
  auto main = [&]() -> task<void> {
    fs::create_directory(folder / "in");
    fs::create_directory(folder / "out");
    folder.with("in/a", "x");
    folder.with("in/b", "x");
    const auto watch = co_await directory_watch::open(folder / "in");
    co_await watch.add(folder / "out");
    fs::rename(folder / "in/a", folder / "out/a");
    fs::rename(folder / "in/b", elsewhere / "b");
    fs::rename(elsewhere / "b", folder / "out/b");
    fs::remove(folder / "out/a");
    expect(co_await next_of(watch, folder, 4),
           {"moved in/a to out/a", "moved in/b away", "moved to out/b", "deleted out/a"});
  };
  s.run(main());
}

/// Waits until `path` is there, whoever makes it.
task<void> appears(fs::path path) {
  const auto watch = co_await directory_watch::open(path.parent_path());
  while (!fs::exists(path)) co_await watch.next();
}

BOOST_AUTO_TEST_CASE(somebody_waits_for_a_device_to_appear) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto waiting = spawn(appears(folder / "port"));
    co_await io::write_all(folder / "other", "x");
    for (int i = 0; i != 20; ++i) co_await yield();
    BOOST_TEST(!waiting.done());
    fs::create_symlink("/dev/null", folder / "port");
    co_await waiting;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_wait_that_is_cancelled_loses_no_event) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    const auto watch = co_await directory_watch::open(folder.path());
    auto waiting = spawn(next_event(watch));
    co_await yield();
    auto second = spawn(next_event(watch));
    BOOST_CHECK_THROW(co_await second, invalid_state);
    waiting.cancel();
    BOOST_CHECK_THROW(co_await waiting, cancelled);
    fs::create_directory(folder / "d");
    expect(co_await next_of(watch, folder, 1), {"created d"});
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_end_of_the_directory_is_told_and_then_nothing_is_left) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    for (const bool moved : {false, true}) {
      fs::create_directory(folder / "d");
      const auto watch = co_await directory_watch::open(folder / "d");
      if (moved)
        fs::rename(folder / "d", folder / "e");
      else
        fs::remove(folder / "d");
      const auto event = co_await watch.next();
      BOOST_TEST(event.what == kind::gone);
      BOOST_TEST(event.path == folder / "d");
      BOOST_CHECK_THROW(co_await watch.next(), invalid_state);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(events_that_were_lost_are_told) {
  live_stage s;
  const scratch folder;
  int limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  BOOST_REQUIRE(limit > 0);
  auto main = [&]() -> task<void> {
    folder.with("a", "x");
    folder.with("b", "x");
    const auto watch = co_await directory_watch::open(folder.path());
    // Two names in turn: events in a row that are the same would be one.
    for (int i = 0; i <= limit; ++i)
      fs::permissions(folder / (i % 2 == 0 ? "a" : "b"), fs::perms(i % 4 < 2 ? 0600 : 0640));
    int told = 0;
    while ((co_await watch.next()).what != kind::overflow) ++told;
    BOOST_TEST(told == limit);
    // It goes on.
    fs::create_directory(folder / "c");
    expect(co_await next_of(watch, folder, 1), {"created c"});
  };
  s.run(main());
}

/// What `tail -F` does, as the reference shows it; a file that was cut off begins anew.
task<void> follow(fs::path log, queue<std::string> to) {
  const auto watch = co_await directory_watch::open(log.parent_path());
  const io::line_reader_options whole_lines{.unfinished = io::unfinished_line::keep};
  auto file = co_await io::file::open(log);
  auto lines = file.lines(whole_lines);
  for (;;) {
    while (const auto line = co_await lines.next()) co_await to.put(std::string(*line));
    const auto event = co_await watch.next();
    if (event.path != log) continue;
    if ((co_await file.stat()).size < lines.position()) {
      co_await file.seek(0);
      lines = file.lines(whole_lines);
    }
    if (event.what != kind::created && event.what != kind::moved) continue;
    while (const auto line = co_await lines.next()) co_await to.put(std::string(*line));
    file = co_await io::file::open(log);
    lines = file.lines(whole_lines);
  }
}

// F5
BOOST_AUTO_TEST_CASE(a_log_is_followed_through_rotation_replacement_and_cutting_off) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    queue<std::string> seen;
    const auto log = folder.with("log", "");
    auto following = spawn(follow(log, seen));
    // As logrotate has it: moved away and made anew, cut off after a copy; and replaced as a whole.
    io::process_options options;
    options.in = io::redirect::pipe();
    options.cwd = folder.path();
    auto writer = co_await io::shell(
        "n=0; lines() { for i in 1 2 3 4 5; do n=$((n+1)); echo line $n >> log; done; }; "
        "while read how; do case $how in "
        "rotate) mv log log.1; lines;; "
        "delete) rm log; lines;; "
        "replace) n=$((n+1)); echo line $n > new; mv new log; lines;; "
        "cut) cp log log.1; n=$((n+1)); echo line $n > log;; "
        "*) lines;; esac; done",
        {}, options);
    int expected = 0;
    auto in = writer.in();
    for (const char* how :
         {"grow", "rotate", "grow", "cut", "rotate", "replace", "grow", "delete", "grow", "rotate",
          "rotate", "cut", "grow", "cut", "replace", "rotate"}) {
      co_await in.write(std::string(how) + "\n");
      const int count = how == std::string("replace") ? 6 : how == std::string("cut") ? 1 : 5;
      for (int i = 0; i != count; ++i) {
        ++expected;
        BOOST_REQUIRE(co_await seen.get() == "line " + std::to_string(expected));
      }
    }
    BOOST_TEST(expected == 70);
    BOOST_TEST(seen.empty());
    following.cancel();
    BOOST_CHECK_THROW(co_await following, cancelled);
    co_await writer.stop();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_watched_is_named) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    BOOST_CHECK_EXCEPTION(co_await directory_watch::open(folder / "none"), std::system_error,
                          test::failing(std::errc::no_such_file_or_directory, "none"));
    BOOST_CHECK_EXCEPTION(co_await directory_watch::open(folder.with("a", "x")), std::system_error,
                          test::failing(std::errc::not_a_directory, "/a"));
    BOOST_CHECK_THROW(co_await directory_watch().next(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
