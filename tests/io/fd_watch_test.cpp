// Waiting for descriptors that somebody else reads and writes.
#include <buskin/io/fd_watch.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <system_error>
#include <thread>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::scratch;
using io::fd_watch;

struct pipe_ends {
  pipe_ends() {
    int both[2];
    BOOST_REQUIRE(::pipe2(both, O_CLOEXEC) == 0);
    reading = io::detail::unique_descriptor(both[0]);
    writing = io::detail::unique_descriptor(both[1]);
  }
  void send(std::string_view bytes) const {
    BOOST_REQUIRE(::write(writing.get(), bytes.data(), bytes.size()) ==
                  static_cast<ssize_t>(bytes.size()));
  }
  std::string receive() const {
    std::array<char, 4096> buffer;
    const ssize_t got = ::read(reading.get(), buffer.data(), buffer.size());
    BOOST_REQUIRE(got >= 0);
    return std::string(buffer.data(), static_cast<std::size_t>(got));
  }
  /// As much as it takes.
  std::size_t fill() const {
    ::fcntl(writing.get(), F_SETFL, O_NONBLOCK);
    const std::string bytes(4096, 'x');
    std::size_t sum = 0;
    while (::write(writing.get(), bytes.data(), bytes.size()) > 0) sum += bytes.size();
    return sum;
  }
  io::detail::unique_descriptor reading, writing;
};

task<void> await_readable(fd_watch watch, int& times) {
  co_await watch.readable();
  ++times;
}
task<void> await_writable(fd_watch watch, int& times) {
  co_await watch.writable();
  ++times;
}

BOOST_AUTO_TEST_SUITE(fd_watch_)

BOOST_AUTO_TEST_CASE(a_pipe_is_readable_when_it_has_bytes_and_as_long_as_it_has) {
  live_stage s;
  auto main = []() -> task<void> {
    const pipe_ends ends;
    const fd_watch watch(ends.reading.get());
    BOOST_TEST(watch.descriptor() == ends.reading.get());
    int times = 0;
    auto waiting = spawn(await_readable(watch, times));
    for (int i = 0; i != 10; ++i) co_await yield();
    BOOST_TEST(times == 0);
    ends.send("ab");
    co_await waiting;
    BOOST_TEST(times == 1);
    // Nothing was taken: it still is.
    co_await watch.readable();
    co_await watch.readable();
    BOOST_TEST(ends.receive() == "ab");
    auto again = spawn(await_readable(watch, times));
    for (int i = 0; i != 10; ++i) co_await yield();
    BOOST_TEST(times == 1);
    ends.send("c");
    co_await again;
    BOOST_TEST(ends.receive() == "c");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_end_is_readable) {
  live_stage s;
  auto main = []() -> task<void> {
    pipe_ends ends;
    const fd_watch watch(ends.reading.get());
    int times = 0;
    auto waiting = spawn(await_readable(watch, times));
    co_await yield();
    ends.writing = io::detail::unique_descriptor();
    co_await waiting;
    BOOST_TEST(ends.receive() == "");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_full_pipe_is_writable_when_somebody_has_read) {
  live_stage s;
  auto main = []() -> task<void> {
    pipe_ends ends;
    const fd_watch watch(ends.writing.get());
    co_await watch.writable();
    auto unread = ends.fill();
    int times = 0;
    auto waiting = spawn(await_writable(watch, times));
    for (int i = 0; i != 10; ++i) co_await yield();
    BOOST_TEST(times == 0);
    while (unread > 0) unread -= ends.receive().size();
    co_await waiting;
    // A reader that is gone is an error of the next write.
    ends.fill();
    auto failing = spawn(await_writable(watch, times));
    co_await yield();
    ends.reading = io::detail::unique_descriptor();
    co_await failing;
    BOOST_TEST(times == 2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_wait_leaves_the_place_free) {
  live_stage s;
  auto main = []() -> task<void> {
    const pipe_ends ends;
    const fd_watch watch(ends.reading.get());
    int times = 0;
    for (int i = 0; i != 3; ++i) {
      auto waiting = spawn(await_readable(watch, times));
      co_await yield();
      waiting.cancel();
      BOOST_CHECK_THROW(co_await waiting, cancelled);
    }
    ends.send("x");
    co_await watch.readable();
    BOOST_TEST(times == 0);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_second_reader_is_refused_a_second_watch_is_not) {
  live_stage s;
  auto main = []() -> task<void> {
    const pipe_ends ends;
    const fd_watch watch(ends.reading.get());
    int times = 0;
    auto waiting = spawn(await_readable(watch, times));
    co_await yield();
    BOOST_CHECK_EXCEPTION(co_await watch.readable(), invalid_state, [&](const auto& error) {
      return test::mentions(error, "descriptor " + std::to_string(ends.reading.get()));
    });
    const fd_watch other(ends.reading.get());
    ends.send("x");
    co_await other.readable();
    co_await waiting;
    BOOST_TEST(times == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(closing_ends_the_waits_and_leaves_the_descriptor_open) {
  live_stage s;
  auto main = []() -> task<void> {
    const pipe_ends ends;
    int times = 0;
    {
      const fd_watch watch(ends.reading.get());
      auto waiting = spawn(await_readable(watch, times));
      co_await yield();
      watch.close();
      BOOST_CHECK_EXCEPTION(co_await waiting, std::system_error, [](const auto& error) {
        return error.code() == std::errc::operation_canceled;
      });
      BOOST_CHECK_THROW(co_await watch.readable(), std::system_error);
    }
    ends.send("x");
    BOOST_TEST(ends.receive() == "x");
    BOOST_TEST(times == 0);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_watched_is_named) {
  live_stage s;
  const scratch folder;
  auto main = [&]() -> task<void> {
    BOOST_CHECK_EXCEPTION(fd_watch(12345), std::system_error, [](const auto& error) {
      return error.code() == std::errc::bad_file_descriptor && test::mentions(error, "12345");
    });
    const io::detail::unique_descriptor file(
        ::open(folder.with("a", "x").c_str(), O_RDONLY | O_CLOEXEC));
    BOOST_CHECK_EXCEPTION(fd_watch(file.get()), std::system_error, [](const auto& error) {
      return test::mentions(error, "buskin::io::file");
    });
    BOOST_CHECK_THROW(co_await fd_watch().readable(), invalid_state);
  };
  s.run(main());
  BOOST_CHECK_THROW(fd_watch(0), invalid_state);
}

task<void> pass_on(int from, int to, int count) {
  const fd_watch in(from);
  const fd_watch out(to);
  for (char byte = 0; count != 0; --count) {
    co_await in.readable();
    BOOST_REQUIRE(::read(from, &byte, 1) == 1);
    co_await out.writable();
    BOOST_REQUIRE(::write(to, &byte, 1) == 1);
  }
}

BOOST_AUTO_TEST_CASE(tasks_on_several_workers_pass_bytes_on) {
  live_stage s({.workers = 2});
  auto main = []() -> task<void> {
    const pipe_ends there, on, back;
    auto first = spawn(pass_on(there.reading.get(), on.writing.get(), 300));
    auto second = spawn(pass_on(on.reading.get(), back.writing.get(), 300));
    const fd_watch end(back.reading.get());
    std::string got;
    for (int i = 0; i != 300; ++i) there.send(std::string(1, static_cast<char>('a' + i % 26)));
    while (got.size() != 300) {
      co_await end.readable();
      got += back.receive();
    }
    for (std::size_t i = 0; i != 300; ++i) BOOST_REQUIRE(got[i] == static_cast<char>('a' + i % 26));
    co_await first;
    co_await second;
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
