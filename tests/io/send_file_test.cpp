// Files over streams: sent by the system, and copied.
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/file.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"
#include "io/stream_pair.hpp"
#include "io/tls_support.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::transport;
using buskin::test::until;
using io::send_file_fallback;
using io::send_file_options;

namespace data = boost::unit_test::data;

/// Over what: by the system over a socket, else copied.
enum class way { memory, tcp, tls };
std::ostream& operator<<(std::ostream& out, way how) {
  return out << (how == way::memory ? "in memory" : how == way::tcp ? "over TCP" : "over TLS");
}
const auto ways = data::make({way::memory, way::tcp, way::tls});

task<std::pair<io::stream, io::stream>> make_pair(way how) {
  auto ends = co_await test::make_pair(how == way::memory ? transport::memory : transport::tcp);
  if (how == way::tls) {
    const test::tls_world world;
    co_await test::secure(ends.first, world.client(), ends.second, world.server());
  }
  co_return ends;
}

/// A file of numbered lines.
class numbered {
 public:
  explicit numbered(std::size_t size) {
    for (int i = 0; content.size() < size; ++i) content += std::to_string(i) + "\n";
    content.resize(size);
    std::ofstream(path, std::ios::binary) << content;
  }
  test::scratch folder;
  const std::filesystem::path path = folder / "numbers";
  std::string content;
};

auto mentions(std::string what) {
  return [what = std::move(what)](const std::exception& error) {
    return std::string(error.what()).find(what) != std::string::npos;
  };
}

template <class From>
task<std::uint64_t> send(io::stream over, From from, send_file_options options = {}) {
  co_return co_await over.send_file(from, options);
}
task<std::string> read_exactly(io::stream from, std::size_t size) {
  co_return co_await from.read_exactly(size);
}
task<void> write(io::stream to, std::string bytes) { co_await to.write(bytes); }

task<void> turns(int count) {
  while (count-- != 0) co_await yield();
}

BOOST_AUTO_TEST_SUITE(send_file)

BOOST_DATA_TEST_CASE(a_file_or_a_window_of_it_is_sent_and_its_position_is_behind, ways,
                     how) {  // covers SFL-001, SFL-004
  live_stage s;
  auto main = [&]() -> task<void> {
    const numbered numbers(700'000);
    auto [a, b] = co_await make_pair(how);
    auto from = co_await io::file::open(numbers.path);
    co_await from.seek(17);  // which does not count
    auto whole = spawn(send(a, from));
    BOOST_TEST((co_await b.read_exactly(numbers.content.size()) == numbers.content));
    BOOST_TEST(co_await whole == numbers.content.size());
    BOOST_TEST(co_await from.tell() == numbers.content.size());
    BOOST_TEST(co_await a.send_file(from, {.offset = 1000, .count = 50}) == 50U);
    BOOST_TEST(co_await b.read_exactly(50) == numbers.content.substr(1000, 50));
    BOOST_TEST(co_await from.tell() == 1050U);
    // Fewer when the file ends before.
    BOOST_TEST(co_await a.send_file(from, {.offset = 699'990, .count = 50}) == 10U);
    BOOST_TEST(co_await b.read_exactly(10) == numbers.content.substr(699'990));
    BOOST_TEST(co_await from.tell() == 700'000U);
    BOOST_TEST(co_await a.send_file(from, {.offset = 800'000}) == 0U);
    BOOST_TEST(co_await a.send_file(from, {.count = 0}) == 0U);
    BOOST_TEST(co_await from.tell() == 700'000U);
    // By its path, and by a descriptor.
    BOOST_TEST(co_await a.send_file(numbers.path, {.count = 5}) == 5U);
    const int descriptor = ::open(numbers.path.c_str(), O_RDONLY | O_CLOEXEC);
    BOOST_TEST(co_await a.send_file(descriptor, {.offset = 5, .count = 5}) == 5U);
    BOOST_TEST(::lseek(descriptor, 0, SEEK_CUR) == 10);
    BOOST_TEST(::close(descriptor) == 0);
    BOOST_TEST(co_await b.read_exactly(10) == numbers.content.substr(0, 10));
    a.close();
    b.close();
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(what_is_written_before_and_meanwhile_stays_in_order, ways,
                     how) {  // covers SFL-007, SFL-011
  live_stage s;
  auto main = [&]() -> task<void> {
    const numbered numbers(8'000'000);
    auto [a, b] = co_await make_pair(how);
    const std::string before(16'000'000, 'b');
    const std::string behind(500'000, 'm');
    a.write_nowait(before);
    BOOST_TEST(a.unsent() != 0U);
    auto file = spawn(send(a, numbers.path));
    co_await turns(3);
    auto writer = spawn(write(a, behind));
    auto second = spawn(send(a, numbers.path, {.offset = 100, .count = 1'000'000}));
    co_await turns(3);
    auto last = spawn([](io::stream to) -> task<void> {
      co_await to.write({"the ", "end"});
      co_await to.drain();
      to.write_eof();
    }(a));
    BOOST_TEST((co_await b.read_exactly(before.size()) == before));
    BOOST_TEST((co_await b.read_exactly(1000) == numbers.content.substr(0, 1000)));
    BOOST_TEST(!writer.done());
    BOOST_TEST((co_await b.read_exactly(7'999'000) == numbers.content.substr(1000)));
    BOOST_TEST((co_await b.read_exactly(behind.size()) == behind));
    BOOST_TEST((co_await b.read_exactly(1'000'000) == numbers.content.substr(100, 1'000'000)));
    BOOST_TEST(co_await b.read_all() == "the end");
    BOOST_TEST(co_await file == numbers.content.size());
    BOOST_TEST(co_await second == 1'000'000U);
    co_await writer;
    co_await last;
    b.close();
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(a_stream_that_ends_takes_no_file, ways, how) {  // covers SFL-008
  live_stage s;
  auto main = [&]() -> task<void> {
    const numbered numbers(100);
    auto from = co_await io::file::open(numbers.path);
    for (const bool closed : {true, false}) {
      auto [a, b] = co_await make_pair(how);
      if (closed)
        a.close();
      else
        a.write_eof();
      BOOST_CHECK_EXCEPTION(co_await a.send_file(from), std::system_error, [](const auto& error) {
        return error.code() == std::errc::not_connected;
      });
      BOOST_TEST(co_await b.read_all() == "");
      b.close();
    }
    BOOST_TEST(co_await from.tell() == 0U);
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(a_close_waits_for_the_file_that_is_being_sent, ways, how) {
  live_stage s;
  auto main = [&]() -> task<void> {
    const numbered numbers(16'000'000);
    auto [a, b] = co_await make_pair(how);
    auto sender = spawn(send(a, numbers.path));
    BOOST_TEST((co_await b.read_exactly(1000)).size() == 1000U);
    a.write_nowait("behind");
    a.close();
    BOOST_TEST((co_await b.read_all() == numbers.content.substr(1000) + "behind"));
    BOOST_TEST(co_await sender == numbers.content.size());
    b.close();
    co_await a.wait_closed();
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(a_peer_that_closes_behind_the_last_byte_is_no_error, ways,
                     how) {  // covers SFL-009
  live_stage s;
  auto main = [&]() -> task<void> {
    const numbered numbers(3'000'000);
    auto [a, b] = co_await make_pair(how);
    auto sender = spawn(send(a, numbers.path));
    BOOST_TEST((co_await b.read_exactly(numbers.content.size()) == numbers.content));
    b.close();
    BOOST_TEST(co_await sender == numbers.content.size());
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(a_peer_that_closes_in_the_middle_is_one_and_the_position_tells_how_far_it_came,
                     ways, how) {  // covers SFL-010
  live_stage s;
  auto main = [&]() -> task<void> {
    const numbered numbers(24'000'000);
    auto [a, b] = co_await make_pair(how);
    auto from = co_await io::file::open(numbers.path);
    auto sender = spawn(send(a, from));
    BOOST_TEST((co_await b.read_exactly(100'000)).size() == 100'000U);
    b.abort();
    BOOST_CHECK_EXCEPTION(co_await sender, std::system_error, [](const std::system_error& error) {
      return (error.code() == std::errc::broken_pipe ||
              error.code() == std::errc::connection_reset) &&
             mentions("bytes of it were sent")(error);
    });
    const auto position = co_await from.tell();
    BOOST_TEST(position >= 100'000U);
    BOOST_TEST(position < 24'000'000U);
    BOOST_CHECK_THROW(co_await a.write("x"), std::system_error);
    a.close();
  };
  s.run(main());
}

BOOST_DATA_TEST_CASE(a_cancelled_one_stops_where_it_is_and_lets_the_others_go_on, ways,
                     how) {  // covers UNX-012
  live_stage s;
  auto main = [&]() -> task<void> {
    const numbered numbers(24'000'000);
    auto [a, b] = co_await make_pair(how);
    auto from = co_await io::file::open(numbers.path);
    // Before it begins: behind bytes that cannot be sent.
    const std::string before(16'000'000, 'b');
    a.write_nowait(before);
    auto waiting = spawn(send(a, from));
    co_await turns(20);
    waiting.cancel();
    BOOST_CHECK_THROW(co_await waiting, cancelled);
    BOOST_TEST(co_await from.tell() == 0U);
    auto behind = spawn(write(a, "|"));
    BOOST_TEST((co_await b.read_exactly(before.size()) == before));
    BOOST_TEST(co_await b.read_exactly(1) == "|");
    co_await behind;
    // In the middle.
    auto sender = spawn(send(a, from));
    BOOST_TEST((co_await b.read_exactly(1000)).size() == 1000U);
    sender.cancel();
    BOOST_CHECK_THROW(co_await sender, cancelled);
    const auto position = co_await from.tell();
    BOOST_TEST(position >= 1000U);
    BOOST_TEST(position < 24'000'000U);
    auto last = spawn(write(a, "end"));
    BOOST_TEST((co_await b.read_exactly(position - 1000) ==
                numbers.content.substr(1000, position - 1000)));
    BOOST_TEST(co_await b.read_exactly(3) == "end");
    co_await last;
    a.close();
    b.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(without_a_fallback_only_the_systems_own_way_is_taken) {  // covers BAS-043
  live_stage s;
  auto main = [&]() -> task<void> {
    const numbered numbers(1000);
    const auto from = co_await io::file::open(numbers.path);
    for (const auto how : {way::memory, way::tcp, way::tls}) {
      auto [a, b] = co_await make_pair(how);
      const send_file_options native{.fallback = send_file_fallback::none};
      if (how == way::tcp) {
        BOOST_TEST(co_await a.send_file(from, native) == 1000U);
      } else {
        BOOST_CHECK_EXCEPTION(co_await a.send_file(from, native), std::system_error,
                              [](const auto& error) {
                                return error.code() == std::errc::operation_not_supported &&
                                       mentions("numbers")(error);
                              });
        BOOST_TEST(co_await a.send_file(from) == 1000U);
      }
      BOOST_TEST(co_await b.read_exactly(1000) == numbers.content);
      a.close();
      b.close();
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_is_no_file_or_has_no_such_byte_is_refused) {  // covers BAS-043
  live_stage s;
  auto main = [&]() -> task<void> {
    const numbered numbers(1000);
    auto [a, b] = co_await make_pair(way::tcp);
    std::array<int, 2> pipe{};
    BOOST_REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
    BOOST_CHECK_EXCEPTION(co_await a.send_file(pipe[0]), std::invalid_argument,
                          mentions("no regular file"));
    for (const int each : pipe) ::close(each);
    BOOST_CHECK_THROW(co_await a.send_file(std::filesystem::path("/dev/null")),
                      std::invalid_argument);
    BOOST_CHECK_EXCEPTION(co_await a.send_file(numbers.folder / "missing"), std::system_error,
                          mentions("missing"));
    BOOST_CHECK_EXCEPTION(co_await a.send_file(-1), std::system_error, mentions("descriptor -1"));
    BOOST_CHECK_THROW(co_await a.send_file(numbers.path, {.offset = std::uint64_t{1} << 63}),
                      std::invalid_argument);
    BOOST_CHECK_THROW(
        co_await a.send_file(numbers.path,
                             {.offset = 1, .count = std::numeric_limits<std::uint64_t>::max()}),
        std::invalid_argument);
    auto writable = co_await io::file::open(numbers.folder / "new", "w");
    BOOST_CHECK_THROW(co_await a.send_file(writable), std::system_error);
    auto closed = co_await io::file::open(numbers.path);
    co_await closed.close();
    BOOST_CHECK_THROW(co_await a.send_file(closed), invalid_state);
    // Nothing of all that is in the way of what follows.
    co_await a.write("fine");
    BOOST_TEST(co_await b.read() == "fine");
  };
  s.run(main());
}

/// A transport whose system calls do as they are told.
class told final : public io::detail::stream_core {
 public:
  using transfer = io::transfer;
  using io::detail::stream_core::stream_core;
  std::deque<transfer> answers;  // of the system's own sending; then there is none
  std::string written;
  bool full = false;
  int asked_for_room = 0;
  int ends = 0;
  std::string describe() const override { return "a wire"; }
  void there_is_room() { on_writable(); }

 protected:
  transfer transport_read(char*, std::size_t) override { return {}; }
  transfer transport_write(const char* bytes, std::size_t size) override {
    written.append(bytes, size);
    return {transfer::status::done, size, {}};
  }
  transfer transport_send_file(int, std::uint64_t, std::size_t) override {
    if (full) return {};
    if (answers.empty()) return {transfer::status::done, 0, {}};
    const transfer next = answers.front();
    answers.pop_front();
    return next;
  }
  void watch_readable() override {}
  void watch_writable() override { ++asked_for_room; }
  void transport_end_of_writing() override { ++ends; }
  void transport_close() override {}
};

BOOST_AUTO_TEST_CASE(the_first_error_of_the_system_is_gone_round_and_a_later_one_raised) {
  live_stage s;  // covers UNX-012
  auto main = [&]() -> task<void> {
    using transfer = told::transfer;
    const numbered numbers(200'000);
    auto from = co_await io::file::open(numbers.path);
    const transfer fails{transfer::status::failed, 0, std::make_error_code(std::errc::io_error)};
    const transfer some{transfer::status::done, 100, {}};
    auto wire = std::make_shared<told>(*buskin::detail::here.worker);
    io::stream over(wire);
    wire->answers = {fails};
    BOOST_TEST(co_await over.send_file(from) == numbers.content.size());
    BOOST_TEST((wire->written == numbers.content));
    wire->answers = {fails};
    BOOST_CHECK_EXCEPTION(co_await over.send_file(from, {.fallback = send_file_fallback::none}),
                          std::system_error,
                          [](const auto& error) { return error.code() == std::errc::io_error; });
    // It has no room at first, then sends, then fails.
    wire->full = true;
    wire->answers = {some, some, fails};
    auto sender = spawn(send(over, from, {.offset = 50}));
    co_await until([&] { return wire->asked_for_room == 1; }, "the wire to be full");
    BOOST_TEST(!sender.done());
    wire->written.clear();
    wire->full = false;
    wire->there_is_room();
    BOOST_CHECK_EXCEPTION(co_await sender, std::system_error, [](const auto& error) {
      return error.code() == std::errc::io_error && mentions("200 bytes of it were sent")(error);
    });
    BOOST_TEST(co_await from.tell() == 250U);
    // A peer that is gone needs no other way.
    wire->answers = {
        {transfer::status::failed, 0, std::make_error_code(std::errc::connection_reset)}};
    BOOST_CHECK_EXCEPTION(co_await over.send_file(from), std::system_error, [](const auto& error) {
      return error.code() == std::errc::connection_reset;
    });
    BOOST_TEST(wire->written == "");
    over.abort();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_end_of_writing_behind_a_file_is_told_once) {
  live_stage s;
  auto main = [&]() -> task<void> {
    const numbered numbers(1000);
    auto wire = std::make_shared<told>(*buskin::detail::here.worker);
    io::stream over(wire);
    wire->answers = {{told::transfer::status::done, 1000, {}}};
    co_await over.send_file(numbers.path);
    over.write_eof();
    for (int i = 0; i != 3; ++i) co_await yield();
    BOOST_TEST(wire->ends == 1);
    over.abort();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(files_go_over_streams_of_other_workers) {
  live_stage s(runtime_options{.workers = 3});
  auto main = [&]() -> task<void> {
    const numbered numbers(500'000);
    std::vector<task_handle<std::uint64_t>> senders;
    std::vector<task_handle<std::string>> readers;
    for (int i = 0; i != 8; ++i) {
      auto [a, b] = co_await make_pair(i % 2 == 0 ? way::tcp : way::memory);
      senders.push_back(spawn(send(a, numbers.path)));
      readers.push_back(spawn(read_exactly(b, numbers.content.size())));
    }
    for (auto& each : senders) BOOST_TEST(co_await each == numbers.content.size());
    for (auto& each : readers) BOOST_TEST((co_await each == numbers.content));
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
