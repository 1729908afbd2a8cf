// What a serial port has beyond a stream: its lines, its buffers, breaks, and who holds it.
#include <buskin/actors/supervisor.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/io/device.hpp>
#include <buskin/io/from_descriptor.hpp>
#include <buskin/io/process.hpp>
#include <buskin/io/serial_device.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/pseudo_terminal.hpp"
#include "io/scratch.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::pseudo_terminal;
using buskin::test::stage;
using buskin::test::until;

auto fails_with(std::errc wanted, std::vector<std::string> words = {}) {
  return [wanted, words = std::move(words)](const std::system_error& error) {
    for (const auto& each : words)
      if (std::string(error.what()).find(each) == std::string::npos) return false;
    return error.code() == wanted;
  };
}

task<void> write(io::stream to, std::string bytes) { co_await to.write(bytes); }
task<std::string> read_any(io::stream from) { co_return co_await from.read(); }
task<void> drain(io::serial_device which) { co_await which.drain(); }

/// The wire as a stream: what comes is sent back.
task<void> loop_back(io::stream wire) {
  for (;;) {
    const auto bytes = co_await wire.read();
    if (bytes.empty()) co_return;
    co_await wire.write(bytes);
  }
}

BOOST_AUTO_TEST_SUITE(serial_device_control)

BOOST_AUTO_TEST_CASE(a_line_comes_back_over_a_loop_and_a_close_ends_it_once) {
  live_stage s;  // covers SER-001
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto wire = io::from_descriptor(::fcntl(port.master(), F_DUPFD_CLOEXEC, 0), "the wire");
    auto loop = spawn(loop_back(wire));
    auto device = io::serial_device::open(port.path());
    co_await device.write("hello, loop\n");  // little data: nobody is held back
    BOOST_TEST(co_await device.read_line() == "hello, loop\n");
    int ends = 0;
    auto watch = [&](io::stream which) -> task<void> {
      co_await which.wait_closed();
      ++ends;
    };
    auto end = spawn(watch(device));
    co_await yield();
    BOOST_TEST(ends == 0);
    device.close();
    device.close();
    co_await end;
    BOOST_TEST(ends == 1);
    loop.cancel();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(opening_does_not_block_and_fails_where_it_is_called) {  // covers SER-002
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    // With this an open does not wait for a carrier, nor anything else on it for anybody.
    BOOST_TEST((::fcntl(device.descriptor(), F_GETFL) & O_NONBLOCK) != 0);
    BOOST_TEST((::fcntl(device.descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
    BOOST_CHECK_EXCEPTION(io::serial_device::open("/dev/no-such-port"), std::system_error,
                          fails_with(std::errc::no_such_file_or_directory, {"/dev/no-such-port"}));
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(close_sends_what_is_left_and_takes_nothing_more) {  // covers SER-003
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    const std::string much(300'000, 'c');
    device.write_nowait(much);
    BOOST_TEST(device.unsent() != 0U);
    device.close();
    port.send("too late");
    BOOST_CHECK_EXCEPTION(co_await device.read(), std::system_error,
                          fails_with(std::errc::operation_canceled));
    BOOST_CHECK_EXCEPTION(device.write_nowait("more"), std::system_error,
                          fails_with(std::errc::not_connected));
    std::string got;
    co_await until([&] { return (got += port.received()).size() >= much.size(); }, "all of it");
    co_await device.wait_closed();
    BOOST_TEST((got == much));
    BOOST_TEST(!device.error());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(abort_drops_what_is_left_and_tells_the_error) {  // covers SER-004
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    auto reader = spawn(read_any(device));
    auto writer = spawn(write(device, std::string(300'000, 'a')));
    co_await until([&] { return device.unsent() != 0; }, "the wire to be full");
    device.abort(std::make_error_code(std::errc::owner_dead));
    BOOST_TEST(device.unsent() == 0U);
    BOOST_CHECK_EXCEPTION(co_await reader, std::system_error, fails_with(std::errc::owner_dead));
    BOOST_CHECK_EXCEPTION(co_await writer, std::system_error, fails_with(std::errc::owner_dead));
    BOOST_CHECK_EXCEPTION(co_await device.wait_closed(), std::system_error,
                          fails_with(std::errc::owner_dead));
    std::size_t got = 0;
    for (std::string more; !(more = port.received()).empty();) got += more.size();
    BOOST_TEST(got < 300'000U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(one_direction_does_not_end_alone) {  // covers SER-006
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    BOOST_CHECK_EXCEPTION(device.write_eof(), std::system_error,
                          fails_with(std::errc::operation_not_supported, {port.path()}));
    co_await device.write("still");
    BOOST_TEST(port.received() == "still");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_unplugged_port_keeps_its_error_to_the_end) {  // covers SER-007
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    auto reader = spawn(read_any(device));
    co_await yield();
    port.unplug();
    try {
      BOOST_TEST(co_await reader == "");
    } catch (const std::system_error& error) {
      BOOST_TEST((error.code() == std::errc::io_error));
    }
    BOOST_CHECK_EXCEPTION(co_await device.write("x"), std::system_error,
                          fails_with(std::errc::io_error));
    BOOST_TEST((device.error() == std::errc::io_error));
    device.close();
    BOOST_CHECK_EXCEPTION(co_await device.wait_closed(), std::system_error,
                          fails_with(std::errc::io_error, {port.path()}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(flushing_the_output_drops_it_and_lets_the_writer_go_on) {  // covers SER-009
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    auto writer = spawn(write(device, std::string(1'000'000, 'd')));
    co_await until([&] { return device.unsent() > 64 * 1024; }, "the wire to be full");
    BOOST_TEST(!writer.done());
    device.flush_output();
    BOOST_TEST(device.unsent() == 0U);
    co_await writer;
    co_await until(
        [&] {
          device.write_nowait("");
          return device.unsent() == 0;
        },
        "the rest to go");
    co_await device.write("tail");
    std::string got;
    co_await until([&] { return (got += port.received()).ends_with("tail"); }, "the tail");
    BOOST_TEST(got.size() < 200'000U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(flushing_the_input_drops_what_nobody_has_read) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    port.send_all("a\nold");
    BOOST_TEST(co_await device.read_line() == "a\n");  // the rest is here by now
    port.send_all("older");
    co_await sleep(5ms);  // and that in the driver
    device.flush_input();
    port.send_all("new");
    BOOST_TEST(co_await device.read_exactly(3) == "new");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(drain_waits_for_the_wire) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    co_await device.drain();
    device.write_nowait(std::string(100'000, 'w'));
    auto drained = spawn(drain(device));
    co_await sleep(20ms);
    BOOST_TEST(!drained.done());
    std::size_t got = 0;
    co_await until([&] { return (got += port.received().size()) == 100'000; }, "all of it");
    co_await drained;
    BOOST_TEST(device.unsent() == 0U);
    device.close();
    BOOST_CHECK_THROW(co_await device.drain(), std::system_error);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_break_lasts_as_long_as_the_clock_says) {
  stage s;
  pseudo_terminal port;
  auto main = [&]() -> task<void> {
    auto device = io::serial_device::open(port.path());
    const auto begun = s.clock.now();
    co_await device.send_break(3h);
    BOOST_TEST((s.clock.now() - begun == 3h));
    auto endless = spawn(
        [](io::serial_device which) -> task<void> { co_await which.send_break(1000h); }(device));
    co_await sleep(1h);
    endless.cancel();
    BOOST_CHECK_THROW(co_await endless, cancelled);
    BOOST_TEST((s.clock.now() - begun == 4h));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_asks_the_driver_is_refused_where_another_thread_may_close_the_port) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    const auto told = [&](const invalid_state& error) {
      return std::string(error.what()).find("the device's own worker") != std::string::npos;
    };
    const auto elsewhere = [](auto operation) { std::async(std::launch::async, operation).get(); };
    BOOST_CHECK_EXCEPTION(elsewhere([&] { device.baud(); }), invalid_state, told);
    BOOST_CHECK_EXCEPTION(elsewhere([&] { device.configure({}); }), invalid_state, told);
    BOOST_CHECK_EXCEPTION(elsewhere([&] { device.flush_input(); }), invalid_state, told);
    BOOST_CHECK_EXCEPTION(elsewhere([&] { device.flush_output(); }), invalid_state, told);
    BOOST_CHECK_EXCEPTION(elsewhere([&] { device.rts(); }), invalid_state, told);
    BOOST_CHECK_EXCEPTION(elsewhere([&] { device.modem_lines(); }), invalid_state, told);
    BOOST_CHECK_EXCEPTION(elsewhere([&] { device.set_dtr(io::line_state::on); }), invalid_state,
                          told);
    BOOST_TEST(device.baud() == 9600U);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_a_pseudo_terminal_has_not_is_told) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    const auto no_lines =
        fails_with(std::errc::inappropriate_io_control_operation, {port.path(), "lines"});
    BOOST_CHECK_EXCEPTION(device.rts(), std::system_error, no_lines);
    BOOST_CHECK_EXCEPTION(device.dtr(), std::system_error, no_lines);
    BOOST_CHECK_EXCEPTION(device.set_rts(io::line_state::on), std::system_error, no_lines);
    BOOST_CHECK_EXCEPTION(device.set_dtr(io::line_state::off), std::system_error, no_lines);
    BOOST_CHECK_EXCEPTION(device.modem_lines(), std::system_error, no_lines);
    BOOST_CHECK_EXCEPTION(co_await device.modem_lines_other_than({}), std::system_error, no_lines);
    BOOST_CHECK_THROW(co_await device.modem_lines_other_than({}, 0ms), std::invalid_argument);
    BOOST_CHECK_EXCEPTION(
        device.configure({.low_latency = true}), std::system_error,
        fails_with(std::errc::inappropriate_io_control_operation, {port.path(), "latency"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_driver_that_takes_other_settings_is_no_success) {  // S8
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    BOOST_CHECK_EXCEPTION(
        device.configure({.baud = 250000, .data_bits = 5, .parity = io::parity::odd}),
        std::system_error,
        fails_with(std::errc::not_supported,
                   {port.path(), "told 250000 baud, 5 data bits, odd parity",
                    "took 250000 baud, 8 data bits, no parity, 1 stop bit, no flow control"}));
    BOOST_TEST(device.baud() == 250000U);
    device.configure({});
    BOOST_TEST(device.baud() == 9600U);
    device.close();
    co_return;
  };
  s.run(main());
}

/// A process that holds the device until its input ends.
task<io::process> holder_of(std::string path) {
  io::process_options options;
  options.in = io::redirect::pipe();
  options.out = io::redirect::pipe();
  co_return co_await io::exec(io::argument_vector(std::vector<std::string>{
                                  "/usr/bin/python3", "-c",
                                  "import fcntl, os, sys\n"
                                  "held = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)\n"
                                  "fcntl.flock(held, fcntl.LOCK_EX)\n"
                                  "print('held', flush=True)\n"
                                  "sys.stdin.read()\n",
                                  path}),
                              options);
}

BOOST_AUTO_TEST_CASE(whoever_holds_a_busy_device_is_named) {  // S6
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto holder = co_await holder_of(port.path());
    BOOST_TEST(co_await holder.out().read_line() == "held\n");
    const auto number = std::to_string(holder.pid());
    BOOST_CHECK_EXCEPTION(
        io::serial_device::open(port.path()), std::system_error,
        fails_with(std::errc::device_or_resource_busy, {port.path(), number, "python3"}));
    holder.in().close();
    co_await holder.wait();
    auto device = io::serial_device::open(port.path());
    device.close();
  };
  s.run(main());
}

// -- a device that answers late -----------------------------------------------------------------

struct questions {
  int asked = 0;
  std::vector<std::string> answers;
};

/// Asks once in each session, and gives a device that does not answer up. What is shared outlives
/// the device.
task<void> ask_once(questions* all, io::stream port) {
  const int number = ++all->asked;
  co_await port.write("question " + std::to_string(number) + "\n");
  all->answers.push_back(co_await timeout(100ms, [&] { return port.read_line(); }));
  co_await sleep(1h);
}

BOOST_AUTO_TEST_CASE(a_late_answer_is_not_taken_for_that_of_the_next_session) {  // S5
  live_stage s;
  questions all;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    io::device_options options;
    options.backoff = {300ms, 300ms, 1.0, 0.0, 5s};
    io::device meter(
        "meter",
        [path = port.path()]() -> task<io::stream> { co_return io::serial_device::open(path); },
        [&all](io::stream opened) { return ask_once(&all, std::move(opened)); }, options);
    auto events = meter.events();
    supervisor guard({meter.spec()}, {.intensity = supervisor_options::unlimited});
    std::string heard;
    co_await until([&] { return (heard += port.received()) == "question 1\n"; }, "a question");
    // It answers when the session has given up, and the next one has not begun.
    for (auto event = co_await events.next(); event.value.state != io::device_state::down;)
      event = co_await events.next();
    port.send_all("answer 1\n");
    heard.clear();
    co_await until([&] { return (heard += port.received()) == "question 2\n"; }, "another one");
    port.send_all("answer 2\n");
    co_await until([&] { return !all.answers.empty(); }, "an answer");
    BOOST_TEST(all.answers.front() == "answer 2\n");
    BOOST_TEST(meter.sessions() == 2U);
    guard.stop();
    co_await until([&] { return guard.ended(); }, "the end of the device");
  };
  s.run(main());
}

/// Keeps the last line. `last` outlives the device.
task<void> keep_last(std::string* last, io::stream port) {
  for (;;) {
    auto line = co_await port.read_line();
    if (line.empty()) co_return;
    *last = std::move(line);
  }
}

BOOST_AUTO_TEST_CASE(a_device_is_followed_to_the_name_that_its_link_has_now) {  // S3
  live_stage s;
  std::string last;
  auto main = [&]() -> task<void> {
    const test::scratch folder;
    const std::string link = folder / "by-id";
    pseudo_terminal first;
    const pseudo_terminal second;  // both at once, so that their names differ
    std::filesystem::create_symlink(first.path(), link);
    io::device_options options;
    options.backoff = {5ms, 5ms, 1.0, 0.0, 5s};
    io::device meter(
        "meter", [link]() -> task<io::stream> { co_return io::serial_device::open(link); },
        [&last](io::stream opened) { return keep_last(&last, std::move(opened)); }, options);
    supervisor guard({meter.spec()}, {.intensity = supervisor_options::unlimited});
    co_await until([&] { return meter.sessions() == 1; }, "the device to be up");
    first.send_all("from the first\n");
    co_await until([&] { return last == "from the first\n"; }, "a line");
    std::filesystem::remove(link);
    std::filesystem::create_symlink(second.path(), link);
    first.unplug();
    co_await until([&] { return meter.sessions() == 2; }, "the device to be back");
    second.send_all("from the second\n");
    co_await until([&] { return last == "from the second\n"; }, "another line");
    guard.stop();
    co_await until([&] { return guard.ended(); }, "the end of the device");
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
