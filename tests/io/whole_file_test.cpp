// Whole files, and temporary ones.
#include <buskin/io/whole_file.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/temp_directory.hpp>
#include <buskin/io/temp_file.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::contents_of;
using buskin::test::failing;
using buskin::test::live_stage;
using buskin::test::mentions;
using buskin::test::scratch;
using buskin::test::until;

namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(whole_file_)

BOOST_AUTO_TEST_CASE(a_file_is_written_read_added_to_looked_at_and_removed) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    const auto path = folder / "a";
    co_await io::write_all(path, "first, long");
    co_await io::write_all(path, "second");
    BOOST_TEST(co_await io::read_all(path) == "second");
    co_await io::append(path, " and third");
    BOOST_TEST(co_await io::read_all(path) == "second and third");
    BOOST_CHECK_THROW(co_await io::read_all(path, 15), limit_overrun);
    const auto about = co_await io::stat(path);
    BOOST_TEST(about.size == 16U);
    BOOST_TEST(about.is_regular());
    BOOST_TEST((co_await io::stat(folder.path())).is_directory());
    BOOST_TEST(about.same_file(co_await io::stat(path)));
    BOOST_TEST(co_await io::remove(path));
    BOOST_TEST(!co_await io::remove(path));
    BOOST_CHECK_EXCEPTION(co_await io::stat(path), std::system_error,
                          failing(std::errc::no_such_file_or_directory, path.string()));
    BOOST_CHECK_EXCEPTION(co_await io::read_all(path), std::system_error,
                          failing(std::errc::no_such_file_or_directory, path.string()));
    co_await io::append(path, "new");
    BOOST_TEST(contents_of(path) == "new");
    BOOST_CHECK_EXCEPTION(co_await io::remove(folder.path()), std::system_error,
                          failing(std::errc::directory_not_empty, folder.path().string()));
    // A file without a size says what it has all the same.
    BOOST_TEST(mentions(std::runtime_error(co_await io::read_all("/proc/self/status")), "Pid:"));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_replaced_file_is_a_new_one_with_the_old_permissions) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    const auto path = folder.with("a", "old");
    fs::permissions(path, fs::perms(0640));
    const auto before = co_await io::stat(path);
    auto still_open = co_await io::file::open(path);
    co_await io::replace(path, "new");
    BOOST_TEST(contents_of(path) == "new");
    const auto after = co_await io::stat(path);
    BOOST_TEST((after.permissions == fs::perms(0640)));
    BOOST_TEST(after.owner == before.owner);
    BOOST_TEST(!after.same_file(before));
    BOOST_TEST(co_await still_open.read_all() == "old");  // who has it open sees nothing of it
    BOOST_TEST(folder.count() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(replace_makes_a_missing_file_and_follows_links) {
  live_stage s;
  const scratch folder;
  const auto mask = ::umask(027);
  auto main = [&]() -> task<void> {
    co_await io::replace(folder / "new", "x");
    BOOST_TEST(((co_await io::stat(folder / "new")).permissions == fs::perms(0640)));
    fs::create_directory(folder / "d");
    fs::create_symlink(folder / "new", folder / "d/link");
    co_await io::replace(folder / "d/link", "y");
    BOOST_TEST(fs::is_symlink(folder / "d/link"));
    BOOST_TEST(contents_of(folder / "new") == "y");
    co_await io::replace(folder / std::string(255, 'n'), "long name");
    BOOST_TEST(contents_of(folder / std::string(255, 'n')) == "long name");
  };
  s.run(main());
  ::umask(mask);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_replaced_stays_and_nothing_is_left_beside_it) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    fs::create_directory(folder / "d");
    BOOST_CHECK_THROW(co_await io::replace(folder / "d", "x"), std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::replace("/dev/null", "x"), std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::replace(folder / "d/", "x"), std::invalid_argument);
    BOOST_CHECK_EXCEPTION(co_await io::replace(folder / "no/such", "x"), std::system_error,
                          failing(std::errc::no_such_file_or_directory, "no/such"));
    BOOST_CHECK_EXCEPTION(co_await io::replace(folder / std::string(300, 'n'), "x"),
                          std::system_error, failing(std::errc::filename_too_long, "nnn"));
    BOOST_TEST(folder.count() == 1);
    BOOST_TEST(fs::is_character_file("/dev/null"));
  };
  s.run(main());
}

task<void> replace_with(fs::path path, char c) {
  for (int i = 0; i != 20; ++i) co_await io::replace(path, std::string(100'000, c));
}

BOOST_AUTO_TEST_CASE(whoever_reads_while_others_replace_sees_one_or_the_other_whole) {
  live_stage s({.workers = 2});
  const scratch folder;
  auto main = [&]() -> task<void> {
    const auto path = folder.with("a", std::string(100'000, '-'));
    auto first = spawn(replace_with(path, 'a'));
    auto second = spawn(replace_with(path, 'b'));
    while (!first.done() || !second.done()) {
      const auto seen = co_await io::read_all(path);
      BOOST_REQUIRE(seen.size() == 100'000U);
      BOOST_REQUIRE(seen.find_first_not_of(seen.front()) == std::string::npos);
    }
    co_await first;
    co_await second;
    BOOST_TEST(folder.count() == 1);
  };
  s.run(main());
}

// -- temporary files --------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_temporary_file_goes_with_its_last_handle) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto temp = co_await io::temp_file::create(
        {.directory = folder.path(), .prefix = "some", .suffix = ".txt"});
    const auto path = temp.path();
    BOOST_TEST(path.filename().string().starts_with("some"));
    BOOST_TEST(path.extension() == ".txt");
    co_await temp.write("text");
    co_await temp.seek(0);
    BOOST_TEST(co_await temp.read_all() == "text");
    BOOST_TEST(((co_await temp.stat()).permissions == fs::perms(0600)));
    auto copy = temp;
    temp = {};
    BOOST_TEST(fs::exists(path));
    co_await copy.close();
    BOOST_TEST(fs::exists(path));
    copy = {};
    co_await until([&] { return !fs::exists(path); }, "the file to go");

    auto kept = co_await io::temp_file::create({.directory = folder.path()});
    const auto stays = kept.path();
    kept.keep();
    kept = {};
    BOOST_CHECK_THROW(co_await io::temp_file::create({.prefix = "a/b"}), std::invalid_argument);
    BOOST_CHECK_EXCEPTION(co_await io::temp_file::create({.directory = folder / "none"}),
                          std::system_error, failing(std::errc::no_such_file_or_directory, "none"));
    BOOST_TEST(fs::exists(stays));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_temporary_directory_goes_with_everything_in_it) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto temp = co_await io::temp_directory::create({.directory = folder.path()});
    const auto path = temp.path();
    BOOST_TEST(((co_await io::stat(path)).permissions == fs::perms(0700)));
    fs::create_directories(path / "a/b");
    co_await io::write_all(path / "a/b/c", "x");
    auto copy = temp;
    temp = {};
    BOOST_TEST(fs::exists(path / "a/b/c"));
    copy = {};
    co_await until([&] { return !fs::exists(path); }, "the directory to go");

    auto now = co_await io::temp_directory::create({.directory = folder.path()});
    co_await now.remove();
    BOOST_TEST(!fs::exists(now.path()));
    auto kept = co_await io::temp_directory::create({.directory = folder.path()});
    kept.keep();
    const auto stays = kept.path();
    kept = {};
    BOOST_TEST(fs::exists(stays));
    BOOST_CHECK_THROW(io::temp_directory().path(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(temporary_files_that_outlive_their_runtime_go_all_the_same) {
  const scratch folder;
  {
    io::temp_file file;
    io::temp_directory directory;
    {
      live_stage s;
      auto main = [&]() -> task<void> {
        file = co_await io::temp_file::create({.directory = folder.path()});
        directory = co_await io::temp_directory::create({.directory = folder.path()});
      };
      s.run(main());
      BOOST_TEST(folder.count() == 2);
      file = {};
      directory = {};
    }
  }
  BOOST_TEST(folder.count() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
