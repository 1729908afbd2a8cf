// Streams over pipes, sockets and terminals that come from elsewhere.
#include <buskin/io/from_descriptor.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/pseudo_terminal.hpp"
#include "io/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::mentions;
using buskin::test::pseudo_terminal;
using buskin::test::until;
using io::from_descriptor;
using io::stream;
using io::detail::unique_descriptor;

using ends = std::pair<unique_descriptor, unique_descriptor>;

/// The reading end first.
ends make_pipe() {
  int both[2];
  BOOST_REQUIRE(::pipe2(both, O_CLOEXEC) == 0);
  return {unique_descriptor(both[0]), unique_descriptor(both[1])};
}

ends make_sockets(int type) {
  int both[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, both) == 0);
  return {unique_descriptor(both[0]), unique_descriptor(both[1])};
}

void put(const unique_descriptor& to, std::string_view bytes) {
  BOOST_REQUIRE(::write(to.get(), bytes.data(), bytes.size()) ==
                static_cast<ssize_t>(bytes.size()));
}

int waiting_in(const stream& from) {
  int count = 0;
  BOOST_REQUIRE(::ioctl(from.descriptor(), FIONREAD, &count) == 0);
  return count;
}

bool open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

auto failing(std::errc wanted) {
  return [wanted](const std::system_error& error) { return error.code() == wanted; };
}

task<std::string> read_once(stream from) { co_return co_await from.read(); }
task<void> write_all(stream to, std::string bytes) {
  co_await to.write(bytes);
  co_await to.drain();
}

BOOST_AUTO_TEST_SUITE(from_descriptor_)

// covers UNX-013
BOOST_AUTO_TEST_CASE(a_pipe_is_read_to_its_end_and_closed_once) {
  live_stage s;
  auto main = []() -> task<void> {
    auto [reading, writing] = make_pipe();
    const int number = reading.release();
    const stream in = from_descriptor(number, "the pipe");
    BOOST_TEST(in.describe() == "the pipe");
    BOOST_TEST((::fcntl(number, F_GETFL) & O_NONBLOCK) != 0);
    BOOST_TEST((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
    put(writing, "hello");
    BOOST_TEST(co_await in.read() == "hello");
    // Nothing there: it waits, and news that somebody else took is none.
    auto waiting = spawn(read_once(in));
    for (int i = 0; i != 5; ++i) co_await yield();
    put(writing, "x");
    char taken = 0;
    BOOST_REQUIRE(::read(number, &taken, 1) == 1);
    for (int i = 0; i != 20; ++i) co_await yield();
    BOOST_TEST(!waiting.done());
    put(writing, "y");
    BOOST_TEST(co_await waiting == "y");
    // Not reading is a pause: what comes stays in the pipe.
    put(writing, "paused");
    for (int i = 0; i != 20; ++i) co_await yield();
    BOOST_TEST(waiting_in(in) == 6);
    BOOST_TEST(co_await in.read() == "paused");
    writing = unique_descriptor();
    BOOST_TEST(co_await in.read() == "");
    BOOST_TEST(co_await in.read() == "");
    BOOST_TEST(open(number));
    in.close();
    in.close();
    BOOST_TEST(in.closed());
    BOOST_TEST(!open(number));
    BOOST_CHECK_EXCEPTION(co_await in.read(), std::system_error,
                          failing(std::errc::operation_canceled));
  };
  s.run(main());
}

// covers UNX-013
BOOST_AUTO_TEST_CASE(an_error_of_the_reading_side_stays) {
  live_stage s;
  auto main = []() -> task<void> {
    pseudo_terminal port;
    const stream in = from_descriptor(::dup(port.master()));
    // Nobody has the other side open any more: EIO.
    unique_descriptor other(::open(port.path().c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    auto waiting = spawn(read_once(in));
    co_await yield();
    other = unique_descriptor();
    BOOST_CHECK_EXCEPTION(co_await waiting, std::system_error, failing(std::errc::io_error));
    BOOST_CHECK_EXCEPTION(co_await in.read(), std::system_error, failing(std::errc::io_error));
    in.close();
    BOOST_TEST(in.closed());
  };
  s.run(main());
}

// covers EVT-029, UNX-015
BOOST_AUTO_TEST_CASE(an_idle_writer_is_closed_without_error_when_its_reader_goes) {
  live_stage s;
  auto main = []() -> task<void> {
    auto [reading, writing] = make_pipe();
    const int number = writing.release();
    const stream out = from_descriptor(number);
    co_await out.write("read me");
    auto end = spawn(read_once(out));  // of what is only written it waits for the end
    co_await yield();
    BOOST_TEST(!out.closed());
    reading = unique_descriptor();
    BOOST_TEST(co_await end == "");
    co_await until([&] { return out.closed(); }, "the writer to be closed");
    BOOST_TEST(!open(number));
    co_await out.wait_closed();  // nothing was lost
    BOOST_CHECK_EXCEPTION(co_await out.drain(), std::system_error, failing(std::errc::broken_pipe));
    BOOST_CHECK_EXCEPTION(co_await out.write("more"), std::system_error,
                          failing(std::errc::broken_pipe));
    BOOST_TEST(co_await out.read() == "");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_reader_that_goes_before_it_read_all_is_an_error_of_the_writer) {
  live_stage s;
  auto main = []() -> task<void> {
    auto [reading, writing] = make_pipe();
    const stream out = from_descriptor(writing.release());
    auto sending = spawn(write_all(out, std::string(1'000'000, 'x')));
    co_await until([&] { return out.unsent() != 0; }, "a full pipe");
    reading = unique_descriptor();
    BOOST_CHECK_EXCEPTION(co_await sending, std::system_error, failing(std::errc::broken_pipe));
    co_await until([&] { return out.closed(); }, "the writer to be closed");
  };
  s.run(main());
}

// covers UNX-016
BOOST_AUTO_TEST_CASE(abort_drops_what_is_unsent_and_close_sends_it) {
  live_stage s;
  auto main = []() -> task<void> {
    const std::string all(500'000, 'x');
    for (const bool abort : {false, true}) {
      auto [reading, writing] = make_pipe();
      const stream in = from_descriptor(reading.release());
      const int number = writing.release();
      stream out = from_descriptor(number);
      out.set_high_water(all.size());
      co_await out.write(all);
      BOOST_TEST(out.unsent() > 0U);
      if (abort) {
        auto sent = spawn(write_all(out, ""));
        co_await yield();
        out.abort();
        out.abort();
        BOOST_TEST(out.unsent() == 0U);
        BOOST_TEST(!open(number));
        BOOST_CHECK_THROW(co_await sent, std::system_error);
      } else {
        out.close();
        out.close();
      }
      BOOST_TEST(out.closed());
      BOOST_CHECK_THROW(co_await out.write("more"), std::system_error);
      std::string got;
      for (;;) {
        const auto part = co_await in.read();
        if (part.empty()) break;
        got += part;
      }
      BOOST_TEST((abort ? got.size() < all.size() : got == all));
      co_await until([&] { return !open(number); }, "the descriptor to be closed");
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_end_of_writing_closes_a_pipe) {
  live_stage s;
  auto main = []() -> task<void> {
    auto [reading, writing] = make_pipe();
    const stream in = from_descriptor(reading.release());
    const stream out = from_descriptor(writing.release());
    co_await out.write("all");
    out.write_eof();
    BOOST_TEST(co_await in.read_exactly(3) == "all");
    BOOST_TEST(co_await in.read() == "");
  };
  s.run(main());
}

// covers SOC-012, EVT-014
BOOST_AUTO_TEST_CASE(a_socket_that_was_accepted_elsewhere_is_served_as_a_stream) {
  live_stage s;
  auto main = []() -> task<void> {
    // All by hand, as a library would that knows nothing of us.
    const unique_descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* address = reinterpret_cast<sockaddr*>(&where);
    BOOST_REQUIRE(::bind(listener.get(), address, size) == 0);
    BOOST_REQUIRE(::listen(listener.get(), 1) == 0);
    BOOST_REQUIRE(::getsockname(listener.get(), address, &size) == 0);
    unique_descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    BOOST_REQUIRE(::connect(client.get(), address, size) == 0);
    unique_descriptor accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const stream theirs = from_descriptor(client.release());
    const stream ours = from_descriptor(accepted.release());
    const std::string large(3'000'000, 'x');
    auto sending = spawn(write_all(theirs, large + "\n"));
    BOOST_TEST((co_await ours.read_until("\n", 4'000'000) == large + "\n"));
    co_await sending;
    co_await ours.write("thanks\n");
    ours.write_eof();
    BOOST_TEST(co_await theirs.read_until("\n") == "thanks\n");
    BOOST_TEST(co_await theirs.read() == "");
    co_await theirs.write("still");  // one direction only
    BOOST_TEST(co_await ours.read() == "still");
  };
  s.run(main());
}

task<void> send_lines(stream to, int count) {
  for (int i = 0; i != count; ++i) co_await to.write("line " + std::to_string(i) + "\n");
}
task<void> expect_lines(stream from, int count) {
  for (int i = 0; i != count; ++i)
    BOOST_REQUIRE((co_await from.read_until("\n") == "line " + std::to_string(i) + "\n"));
}

/// The side of a program: as it is, without the line discipline.
unique_descriptor raw_side(const pseudo_terminal& port) {
  unique_descriptor side(::open(port.path().c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios settings{};
  BOOST_REQUIRE(::tcgetattr(side.get(), &settings) == 0);
  ::cfmakeraw(&settings);
  BOOST_REQUIRE(::tcsetattr(side.get(), TCSANOW, &settings) == 0);
  return side;
}

// covers EVT-030
BOOST_AUTO_TEST_CASE(a_pseudo_terminal_is_read_and_written_at_the_same_time) {
  live_stage s;
  auto main = []() -> task<void> {
    const pseudo_terminal port;
    const stream side = from_descriptor(raw_side(port).release());
    const stream in = from_descriptor(::dup(port.master()), "the wire, read");
    const stream out = from_descriptor(::dup(port.master()), "the wire, written");
    constexpr int count = 5000;
    co_await gather(send_lines(out, count), send_lines(side, count), expect_lines(in, count),
                    expect_lines(side, count));
    // One direction is closed, the other goes on.
    out.close();
    co_await gather(send_lines(side, 10), expect_lines(in, 10));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_terminal_that_is_one_stream_works_both_ways_too) {
  live_stage s;
  auto main = []() -> task<void> {
    const pseudo_terminal port;
    const stream side = from_descriptor(raw_side(port).release());
    const stream wire = from_descriptor(::dup(port.master()));
    co_await gather(send_lines(wire, 2000), send_lines(side, 2000), expect_lines(wire, 2000),
                    expect_lines(side, 2000));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_end_of_writing_is_typed_on_a_terminal) {
  live_stage s;
  auto main = []() -> task<void> {
    const pseudo_terminal port;
    unique_descriptor side(::open(port.path().c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    const stream typed = from_descriptor(::dup(port.master()));
    const stream program = from_descriptor(side.release());
    co_await typed.write("hello\n");
    typed.write_eof();
    BOOST_TEST(co_await program.read_until("\n") == "hello\n");
    BOOST_TEST(co_await program.read() == "");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_makes_no_stream_is_named_and_closed) {
  live_stage s;
  const test::scratch folder;
  auto main = [&]() -> task<void> {
    const int file = ::open(folder.with("a", "x").c_str(), O_RDONLY | O_CLOEXEC);
    BOOST_CHECK_EXCEPTION(from_descriptor(file), std::invalid_argument, [&](const auto& error) {
      return mentions(error, "buskin::io::file") &&
             mentions(error, "descriptor " + std::to_string(file));
    });
    BOOST_TEST(!open(file));
    BOOST_CHECK_EXCEPTION(from_descriptor(file), std::system_error,
                          failing(std::errc::bad_file_descriptor));
    auto datagrams = make_sockets(SOCK_DGRAM);
    BOOST_CHECK_THROW(from_descriptor(datagrams.first.release()), std::invalid_argument);
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BOOST_REQUIRE(::listen(listener, 1) == 0);
    BOOST_CHECK_THROW(from_descriptor(listener), std::invalid_argument);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    BOOST_CHECK_EXCEPTION(from_descriptor(null, "nothing"), std::system_error,
                          [](const auto& error) { return mentions(error, "nothing"); });
    co_return;
  };
  s.run(main());
  auto [reading, writing] = make_pipe();
  BOOST_CHECK_THROW(from_descriptor(reading.release()), invalid_state);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
