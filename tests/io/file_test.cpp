// One file: its operations, their order, their cancellation, and its messages.
#include <buskin/io/file.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <system_error>
#include <thread>
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
using io::file;

const io::open_options both_ways{.write = true};

/// How many jobs the pool has under way.
std::size_t under_way() { return runtime::current().default_executor().running().size(); }

BOOST_AUTO_TEST_SUITE(file_)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_and_the_position_follows) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder / "a", "w+");
    co_await f.write("hello world\n");
    BOOST_TEST(co_await f.tell() == 12U);
    BOOST_TEST(co_await f.seek(6) == 6U);
    BOOST_TEST(co_await f.read(3) == "wor");
    BOOST_TEST(co_await f.read(100) == "ld\n");
    BOOST_TEST(co_await f.read(100) == "");
    BOOST_TEST(co_await f.seek(-6, io::seek_from::end) == 6U);
    BOOST_TEST(co_await f.seek(-1, io::seek_from::position) == 5U);
    BOOST_TEST(co_await f.read_all() == " world\n");
    BOOST_TEST(co_await f.read_at(1, 4) == "ello");
    BOOST_TEST(co_await f.read_at(10, 100) == "d\n");
    BOOST_TEST(co_await f.read_at(1000, 4) == "");
    BOOST_TEST(co_await f.tell() == 12U);
    co_await f.write_at(0, "J");
    co_await f.truncate(5);
    co_await f.sync();
    co_await f.sync(io::sync_what::data);
    const auto about = co_await f.stat();
    BOOST_TEST(about.size == 5U);
    BOOST_TEST(about.is_regular());
    BOOST_TEST(about.links == 1U);
    BOOST_TEST(f.describe() == "file \"" + (folder / "a").string() + "\"");
    co_await f.close();
    BOOST_TEST(contents_of(folder / "a") == "Jello");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_large_file_passes_whole_whatever_pieces_it_is_read_in) {
  live_stage s;
  const scratch folder;
  std::string all(20'000'003, ' ');
  for (std::size_t i = 0; i != all.size(); ++i) all[i] = static_cast<char>(i * 7919 >> 8);
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder / "large", "w+");
    co_await f.write(all);
    co_await f.seek(0);
    BOOST_TEST((co_await f.read_all() == all));
    co_await f.seek(0);
    BOOST_TEST((co_await f.read(all.size()) == all));
    BOOST_TEST((co_await f.read_at(1, all.size()) == all.substr(1)));
    co_await f.seek(0);
    std::string parts;
    for (std::size_t size = 1;; size = size * 3 % 1'000'003) {
      const auto part = co_await f.read(size);
      if (part.empty()) break;
      parts += part;
    }
    BOOST_TEST((parts == all));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(pythons_modes_mean_what_they_mean_there) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    const auto path = folder.with("a", "old");
    {
      auto f = co_await file::open(path, "a");
      co_await f.write("+new");
      BOOST_CHECK_EXCEPTION(co_await f.read(1), std::system_error,
                            failing(std::errc::bad_file_descriptor, path.string()));
      BOOST_CHECK_THROW(co_await f.write_at(0, "x"), invalid_state);
      co_await f.close();
    }
    BOOST_TEST(contents_of(path) == "old+new");
    {
      auto f = co_await file::open(path, "rb+");
      co_await f.write("OLD");
      BOOST_TEST(co_await f.read(9) == "+new");
      co_await f.close();
    }
    BOOST_TEST(contents_of(path) == "OLD+new");
    BOOST_CHECK_EXCEPTION(co_await file::open(path, "x"), std::system_error,
                          failing(std::errc::file_exists, path.string()));
    co_await file::open(path, "w");
    BOOST_TEST(contents_of(path) == "");
    auto f = co_await file::open(path);
    BOOST_CHECK_THROW(co_await f.write("no"), std::system_error);
    for (const char* wrong : {"", "+", "rw", "r++", "b", "z", "rt"})
      BOOST_CHECK_THROW(io::open_options::from_mode(wrong), std::invalid_argument);
    BOOST_CHECK_THROW(co_await file::open(path, {.read = false}), std::invalid_argument);
    BOOST_CHECK_THROW(co_await file::open(path, {.truncate = true}), std::invalid_argument);
    BOOST_CHECK_THROW(co_await file::open(std::string("a\0b", 3)), std::invalid_argument);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_new_file_has_the_permissions_asked_for_and_is_closed_on_exec) {
  live_stage s;
  const scratch folder;
  const auto before = ::umask(022);
  auto main = [&]() -> task<void> {
    auto plain = co_await file::open(folder / "plain", "w");
    auto secret = co_await file::open(
        folder / "secret",
        {.write = true, .exclusive = true, .permissions = std::filesystem::perms(0600)});
    BOOST_TEST(((co_await plain.stat()).permissions == std::filesystem::perms(0644)));
    BOOST_TEST(((co_await secret.stat()).permissions == std::filesystem::perms(0600)));
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      if (std::filesystem::read_symlink(each, gone).parent_path() != folder.path()) continue;
      const int number = std::stoi(each.path().filename());
      BOOST_TEST((::fcntl(number, F_GETFD) & FD_CLOEXEC) == FD_CLOEXEC);
    }
  };
  s.run(main());
  ::umask(before);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_opened_is_named_with_the_reason) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    BOOST_CHECK_EXCEPTION(co_await file::open(folder / "none"), std::system_error,
                          failing(std::errc::no_such_file_or_directory, "none"));
    BOOST_CHECK_EXCEPTION(co_await file::open(folder.path()), std::system_error,
                          failing(std::errc::is_a_directory, folder.path().string()));
    BOOST_CHECK_EXCEPTION(co_await file::open(folder / "no/such", "w"), std::system_error,
                          failing(std::errc::no_such_file_or_directory, "no/such"));
  };
  s.run(main());
}

task<void> write_twice(file f, std::string word) {
  co_await f.write(word);
  co_await f.write(word);
}

BOOST_AUTO_TEST_CASE(operations_of_many_tasks_are_done_in_order_and_none_is_mixed) {
  live_stage s({.workers = 2});
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder / "a", "w");
    std::vector<task<void>> all;
    for (char c = 'a'; c != 'a' + 20; ++c) all.push_back(write_twice(f, std::string(5000, c)));
    co_await gather(std::move(all));
    co_await f.close();
    std::string got = contents_of(folder / "a");
    BOOST_TEST(got.size() == 200'000U);
    for (std::size_t at = 0; at < got.size(); at += 5000)
      BOOST_TEST(got.find_first_not_of(got[at], at) >= std::min(at + 5000, got.size()));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_operation_on_a_closed_file_fails_and_closing_twice_does_not) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder.with("a", "x"));
    co_await f.close();
    co_await f.close();
    BOOST_CHECK_EXCEPTION(co_await f.read(1), invalid_state, [&](const auto& error) {
      return mentions(error, (folder / "a").string()) && mentions(error, "closed");
    });
    BOOST_CHECK_THROW(co_await f.stat(), invalid_state);
    BOOST_CHECK_THROW(co_await f.lines().next(), invalid_state);
    BOOST_CHECK_THROW(file().path(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_last_handle_closes_the_file_behind_what_was_asked_for) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    const auto before = test::open_descriptors();
    auto f = co_await file::open(folder / "a", "w");
    auto writing = spawn(write_twice(f, "word"));
    auto copy = f;
    f = {};
    co_await writing;
    copy = {};
    writing = {};
    co_await until([&] { return test::open_descriptors() <= before; }, "the descriptor to go");
    BOOST_TEST(contents_of(folder / "a") == "wordword");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_file_that_outlives_its_runtime_is_closed_by_its_owner) {
  const test::no_descriptor_leak leak;
  const scratch folder;
  file f;
  {
    live_stage s;
    auto main = [&]() -> task<void> { f = co_await file::open(folder.with("a", "x")); };
    s.run(main());
    BOOST_TEST(f.path() == folder / "a");
    f = {};
  }
}

task<std::string> read_some(file f, std::size_t most) { co_return co_await f.read(most); }
task<std::string> read_rest(file f) { co_return co_await f.read_all(); }

BOOST_AUTO_TEST_CASE(a_cancelled_read_of_a_fifo_lets_go_of_its_thread_and_loses_nothing) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder.fifo("pipe"));
    auto reading = spawn(read_some(f, 100));
    co_await until([] { return under_way() == 1; }, "the read to begin");
    auto queued = spawn(read_some(f, 100));
    co_await yield();
    queued.cancel();
    reading.cancel();
    BOOST_CHECK_THROW(co_await queued, cancelled);
    BOOST_CHECK_THROW(co_await reading, cancelled);
    co_await until([] { return under_way() == 0; }, "the thread to be free");
    auto other = co_await file::open(folder / "pipe", "w");
    co_await other.write("hello");
    BOOST_TEST(co_await f.read(100) == "hello");
    // It takes what there is until somebody gives up, and then gives it back.
    co_await other.write("there");
    auto all = spawn(read_rest(f));
    co_await until([] { return under_way() == 1; }, "the read to begin");
    all.cancel();
    BOOST_CHECK_THROW(co_await all, cancelled);
    BOOST_TEST(co_await f.read(2) == "th");
    co_await other.close();
    BOOST_TEST(co_await f.read_all() == "ere");
    BOOST_TEST(co_await f.read(1) == "");
  };
  s.run(main());
}

task<void> read_record(file f, std::string& into) {
  into = co_await f.read(4);
  co_await sleep(1h);
}

BOOST_AUTO_TEST_CASE(reads_that_are_cancelled_at_any_moment_leave_no_gap) {
  live_stage s;
  const scratch folder;
  std::string all;
  for (int i = 1000; i != 9000; ++i) all += std::to_string(i);
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder.with("records", all));
    std::string got;
    int given_up = 0;
    for (int i = 0; i != 400; ++i) {
      std::string record;
      auto reading = spawn(read_record(f, record));
      for (int turns = i % 50; turns != 0; --turns) co_await yield();
      reading.cancel();
      BOOST_CHECK_THROW(co_await reading, cancelled);
      if (record.empty()) ++given_up;
      got += record;
    }
    got += co_await f.read_all();
    BOOST_TEST((got == all));
    BOOST_TEST_MESSAGE(given_up << " of 400 were given up");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_write_that_is_cancelled_before_it_begins_writes_nothing) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto fifo = co_await file::open(folder.fifo("pipe"), both_ways);
    auto first = spawn(read_some(fifo, 10));
    co_await until([] { return under_way() == 1; }, "the read to begin");
    auto second = spawn(write_twice(fifo, "never"));
    co_await yield();
    second.cancel();
    BOOST_CHECK_THROW(co_await second, cancelled);
    const int other = ::open((folder / "pipe").c_str(), O_WRONLY | O_CLOEXEC);
    BOOST_REQUIRE(::write(other, "now", 3) == 3);
    BOOST_TEST(co_await first == "now");
    BOOST_REQUIRE(::write(other, "then", 4) == 4);
    BOOST_TEST(co_await fifo.read(100) == "then");
    ::close(other);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(more_than_the_limit_is_refused_and_can_still_be_read) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder.with("a", "0123456789"));
    co_await f.read(2);
    BOOST_CHECK_EXCEPTION(co_await f.read_all(7), limit_overrun, [&](const limit_overrun& error) {
      return error.limit() == 7 && mentions(error, (folder / "a").string());
    });
    BOOST_TEST(co_await f.read_all(8) == "23456789");
    auto zeros = co_await file::open("/dev/zero");
    BOOST_CHECK_THROW(co_await zeros.read_all(1'000'000), limit_overrun);
  };
  s.run(main());
}

// -- messages ---------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_reads_writes_and_closes_by_messages) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder / "a", "w+");
    std::vector<std::string> told;
    bool done = false;
    // A program of actors that knows no coroutine.
    const auto teller = [&](caf::event_based_actor* self) {
      const auto fail = [&](const caf::error& error) { told.push_back(describe(error)); };
      const auto offset = [](std::uint64_t n) { return n; };
      self->send(f.actor(), io::file_write::value, std::string("hello world"));
      self->request(f.actor(), caf::infinite, io::file_write_at::value, offset(0), std::string("J"))
          .then([&] { told.push_back("written"); }, fail);
      self->request(f.actor(), caf::infinite, io::file_size::value)
          .then([&](std::uint64_t size) { told.push_back(std::to_string(size)); }, fail);
      self->request(f.actor(), caf::infinite, io::file_read_at::value, offset(6), offset(3))
          .then([&](const std::string& bytes) { told.push_back(bytes); }, fail);
      self->request(f.actor(), caf::infinite, io::file_seek::value, offset(2))
          .then([&](std::uint64_t at) { told.push_back(std::to_string(at)); }, fail);
      self->request(f.actor(), caf::infinite, io::file_read::value, offset(3))
          .then([&](const std::string& bytes) { told.push_back(bytes); }, fail);
      self->request(f.actor(), caf::infinite, io::file_read_all::value)
          .then([&](const std::string& bytes) { told.push_back(bytes); }, fail);
      self->request(f.actor(), caf::infinite, io::file_truncate::value, offset(5))
          .then([&] { told.push_back("cut"); }, fail);
      self->request(f.actor(), caf::infinite, io::file_sync::value)
          .then([&] { told.push_back("synced"); }, fail);
      self->request(f.actor(), caf::infinite, io::file_close::value)
          .then([&] { told.push_back("closed"); }, fail);
      self->request(f.actor(), caf::infinite, io::file_read::value, offset(1))
          .then([&](const std::string&) {},
                [&](const caf::error& error) {
                  told.push_back(describe(error));
                  done = true;
                });
    };
    runtime::current().system().spawn(teller);
    co_await until([&] { return done; }, "the answers");
    const std::vector<std::string> expected = {
        "written", "11",
        "wor",     "2",
        "llo",     " world",
        "cut",     "synced",
        "closed",  "cannot read from \"" + (folder / "a").string() + "\": the file was closed"};
    BOOST_TEST(told == expected, boost::test_tools::per_element());
    BOOST_TEST(contents_of(folder / "a") == "Jello");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_task_asks_and_what_a_file_does_not_know_is_refused) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    auto f = co_await file::open(folder.with("a", "text"));
    BOOST_TEST(co_await ask<std::string>(f.actor(), 10s, io::file_read_all::value) == "text");
    BOOST_CHECK_THROW(co_await ask<void>(f.actor(), 10s, io::file_write::value, std::string("x")),
                      std::system_error);
    BOOST_CHECK_THROW(co_await ask<void>(f.actor(), 10s, 42), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
