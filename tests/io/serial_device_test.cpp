// Serial ports, on pseudo terminals.
#include <buskin/io/serial_device.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/pseudo_terminal.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/ioctl.h>
#include <termios.h>

#include <ctime>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::pseudo_terminal;
using buskin::test::until;

bool mentions(const std::exception& error, const std::string& what) {
  return std::string(error.what()).find(what) != std::string::npos;
}

/// Linux's, which the C library's header does not know.
struct termios2 {
  tcflag_t c_iflag, c_oflag, c_cflag, c_lflag;
  cc_t c_line;
  cc_t c_cc[19];
  speed_t c_ispeed, c_ospeed;
};

termios2 settings_of(const io::serial_device& device) {
  termios2 settings{};
  BOOST_REQUIRE(::ioctl(device.descriptor(), TCGETS2, &settings) == 0);
  return settings;
}

task<std::string> read_any(io::stream from) { co_return co_await from.read(); }

/// An unplugged device ends its stream, or fails with EIO.
task<void> read_to_the_end(io::stream from) {
  try {
    while (!(co_await from.read()).empty()) {
    }
  } catch (const std::system_error& error) {
    BOOST_TEST((error.code() == std::errc::io_error), error.what());
  }
}

BOOST_AUTO_TEST_SUITE(serial_device_)

BOOST_AUTO_TEST_CASE(every_byte_passes_in_both_directions) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    std::string all;
    for (int i = 0; i != 256; ++i) all += static_cast<char>(i);
    port.send_all(all);
    BOOST_TEST((co_await device.read_exactly(256) == all));
    co_await device.write(all);
    std::string got;
    co_await until([&] { return (got += port.received()).size() == 256; }, "the bytes on the wire");
    BOOST_TEST((got == all));
    BOOST_TEST(device.describe() == port.path());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_was_sent_before_it_opened_is_not_echoed_back) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    port.send_all("hello\r\n");
    BOOST_TEST(co_await device.read() == "hello\r\n");
    BOOST_TEST(port.received() == "");
  };
  s.run(main());
}

// Part of S8.
BOOST_AUTO_TEST_CASE(the_driver_has_the_settings_that_were_asked_for) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    BOOST_TEST(device.baud() == 9600U);
    for (const unsigned baud : {50U, 4800U, 38400U, 115200U, 250000U, 1234567U}) {
      device.configure({.baud = baud});
      BOOST_TEST(device.baud() == baud);
      const auto now = settings_of(device);
      BOOST_TEST(now.c_ispeed == baud);
      BOOST_TEST(now.c_ospeed == baud);
    }
    // A pseudo terminal keeps these bits except that it always has 8 data bits and no parity.
    device.configure({.stop_bits = 2, .flow = io::flow_control::hardware});
    BOOST_TEST((settings_of(device).c_cflag & CSTOPB) != 0U);
    BOOST_TEST((settings_of(device).c_cflag & CRTSCTS) != 0U);
    BOOST_TEST((settings_of(device).c_iflag & (IXON | IXOFF)) == 0U);
    device.configure({.stop_bits = 1, .flow = io::flow_control::software});
    BOOST_TEST((settings_of(device).c_cflag & (CSTOPB | CRTSCTS)) == 0U);
    BOOST_TEST((settings_of(device).c_iflag & (IXON | IXOFF)) ==
               static_cast<tcflag_t>(IXON | IXOFF));
    device.configure({});
    const auto raw = settings_of(device);
    BOOST_TEST(raw.c_iflag == 0U);
    BOOST_TEST(raw.c_oflag == 0U);
    BOOST_TEST(raw.c_lflag == 0U);
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_setting_that_no_device_has_is_refused) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    for (const io::serial_options& wrong :
         {io::serial_options{.baud = 0}, io::serial_options{.data_bits = 4},
          io::serial_options{.data_bits = 9}, io::serial_options{.stop_bits = 0},
          io::serial_options{.stop_bits = 3}}) {
      BOOST_CHECK_THROW(device.configure(wrong), std::invalid_argument);
      BOOST_CHECK_THROW(io::serial_device::open(port.path(), wrong), std::invalid_argument);
    }
    device.close();
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_device_that_is_missing_or_no_terminal_is_named) {
  live_stage s;
  auto main = [&]() -> task<void> {
    BOOST_CHECK_EXCEPTION(io::serial_device::open("/dev/no-such-port"), std::system_error,
                          [](const auto& error) {
                            return error.code() == std::errc::no_such_file_or_directory &&
                                   mentions(error, "/dev/no-such-port");
                          });
    BOOST_CHECK_EXCEPTION(io::serial_device::open("/dev/null"), std::system_error,
                          [](const auto& error) {
                            return error.code() == std::errc::inappropriate_io_control_operation &&
                                   mentions(error, "/dev/null");
                          });
    BOOST_CHECK_EXCEPTION(io::serial_device::open("/dev/null", {.sharing = io::sharing::shared}),
                          std::system_error, [](const auto& error) {
                            return error.code() == std::errc::inappropriate_io_control_operation;
                          });
    const auto folder = std::filesystem::temp_directory_path().string();
    BOOST_CHECK_EXCEPTION(io::serial_device::open(folder), std::system_error,
                          [&](const auto& error) { return mentions(error, folder); });
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_device_is_open_once_unless_it_is_shared) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    {
      auto device = io::serial_device::open(port.path());
      BOOST_CHECK_EXCEPTION(io::serial_device::open(port.path()), std::system_error,
                            [&](const auto& error) {
                              return error.code() == std::errc::device_or_resource_busy &&
                                     mentions(error, port.path()) && mentions(error, "uses it");
                            });
      device.close();
    }
    // A pty's slave can be opened again as long as its master is there.
    auto one = io::serial_device::open(port.path(), {.sharing = io::sharing::shared});
    auto two = io::serial_device::open(port.path(), {.sharing = io::sharing::shared});
    port.send_all("x");
    auto first = spawn(read_any(one));
    BOOST_TEST(co_await first == "x");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(opening_needs_a_runtime) {
  BOOST_CHECK_THROW(io::serial_device::open("/dev/null"), invalid_state);
}

// Part of S2.
BOOST_AUTO_TEST_CASE(unplugging_ends_the_read_promptly_and_nothing_spins) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    auto reader = spawn(read_to_the_end(device));
    port.send_all("some bytes");
    co_await sleep(5ms);
    BOOST_TEST(!reader.done());
    const auto unplugged = std::chrono::steady_clock::now();
    port.unplug();
    co_await reader;
    BOOST_TEST((std::chrono::steady_clock::now() - unplugged < 2s));
    // The handle is still there: a terminal that hung up is readable for ever, and nobody may look.
    // Neither by waking nor by not going to sleep.
    const auto sleeps = s.runtime.sleeps();
    const auto cpu = std::clock();
    co_await sleep(300ms);
    BOOST_TEST(s.runtime.sleeps() - sleeps < 10U);
    BOOST_TEST(std::clock() - cpu < CLOCKS_PER_SEC / 10);
    co_await read_to_the_end(device);  // and again, with the same outcome
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_write_to_an_unplugged_device_fails) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    port.unplug();
    BOOST_CHECK_EXCEPTION(co_await device.write("x"), std::system_error,
                          [](const auto& error) { return error.code() == std::errc::io_error; });
  };
  s.run(main());
}

task<void> write_much(io::stream to, std::size_t size) {
  to.set_high_water(1000);
  co_await to.write(std::string(size, 'b'));
}

BOOST_AUTO_TEST_CASE(a_wire_that_takes_nothing_holds_the_writer_back) {
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    constexpr std::size_t size = 1024 * 1024;
    auto writer = spawn(write_much(device, size));
    co_await until([&] { return device.unsent() > 0; }, "the wire to be full");
    BOOST_TEST(!writer.done());
    std::size_t got = 0;
    co_await until([&] { return (got += port.received().size()) == size; }, "all bytes");
    co_await writer;
    BOOST_TEST(device.unsent() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
