// Serial ports with somebody else's at the other end: Debian's python3-serial-asyncio, which
// scripts/setup --test installs, over a null modem of two pseudo terminals.
#include <buskin/buskin.hpp>

#include "io/live_stage.hpp"
#include "io/pseudo_terminal.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

constexpr std::size_t size = 10'000'000;

/// What the other end does: sends back what comes, or sends that much and demands it back.
constexpr auto peer = R"(
import asyncio, hashlib, sys, serial_asyncio

def numbers(size):
    state, out = 1, bytearray()
    while len(out) < size:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out += state.to_bytes(8, 'little')
    return bytes(out[:size])

async def main(path, role, size):
    reader, writer = await serial_asyncio.open_serial_connection(url=path, baudrate=115200)
    print('open', flush=True)
    if role == 'echo':
        while size:
            piece = await reader.read(65536)
            size -= len(piece)
            writer.write(piece)
            await writer.drain()
        while writer.transport.get_write_buffer_size():
            await asyncio.sleep(0.01)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    else:
        sent = numbers(size)
        async def send():
            writer.write(sent)
            await writer.drain()
        sending = asyncio.ensure_future(send())
        got = await reader.readexactly(size)
        await sending
        print('equal' if got == sent else 'different', flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
)";

std::string numbers(std::size_t count) {
  std::string out;
  for (std::uint64_t state = 1; out.size() < count;) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    for (int i = 0; i != 8; ++i) out += static_cast<char>(state >> (8 * i));
  }
  out.resize(count);
  return out;
}

task<io::process> start(std::vector<std::string> command) {
  io::process_options options;
  options.in = io::redirect::pipe();
  options.out = io::redirect::pipe();
  co_return co_await io::exec(io::argument_vector(command), options);
}

/// Until a port at an end is closed.
task<void> carry(io::stream from, io::stream to) {
  try {
    for (;;) co_await to.write(co_await from.read());
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::io_error) throw;
  }
}

/// Two ports, and the wire between them: a task for each direction. (socat moves one direction at a
/// time, and stands still when an echo waits for it.)
class null_modem {
 public:
  null_modem()
      : there_(spawn(carry(end_of(near_), end_of(far_)))),
        back_(spawn(carry(end_of(far_), end_of(near_)))) {}
  ~null_modem() {
    there_.cancel();
    back_.cancel();
  }
  const std::string& near() const { return near_.path(); }
  const std::string& far() const { return far_.path(); }

 private:
  static io::stream end_of(const pseudo_terminal& port) {
    return io::from_descriptor(::fcntl(port.master(), F_DUPFD_CLOEXEC, 0), "the wire");
  }

  pseudo_terminal near_;
  pseudo_terminal far_;
  task_handle<void> there_;
  task_handle<void> back_;
};

task<io::process> start_peer(std::string path, std::string role) {
  auto program = co_await start({"/usr/bin/python3", "-c", peer, path, role, std::to_string(size)});
  const auto word = co_await program.out().read_line();
  BOOST_REQUIRE_MESSAGE(word == "open\n",
                        "the peer needs python3-serial-asyncio, of scripts/setup --test");
  co_return program;
}

BOOST_AUTO_TEST_SUITE(serial_with_python_)

BOOST_AUTO_TEST_CASE(ten_megabytes_come_back_as_they_were_sent) {  // S9
  live_stage s;
  auto main = [&]() -> task<void> {
    null_modem modem;
    auto other = co_await start_peer(modem.far(), "echo");
    auto device = io::serial_device::open(modem.near(), {.baud = 115200});
    const std::string sent = numbers(size);
    std::size_t most_unsent = 0;
    auto send = [&]() -> task<void> {
      for (std::size_t at = 0; at != size; at += 10'000) {
        co_await device.write(std::string_view(sent).substr(at, 10'000));
        most_unsent = std::max(most_unsent, device.unsent());
      }
    };
    auto sending = spawn(send());
    BOOST_TEST((co_await device.read_exactly(size) == sent));
    co_await sending;
    co_await device.drain();
    BOOST_TEST(most_unsent <= device.high_water());  // the wire held the writer back
    other.in().close();
    BOOST_TEST((co_await other.wait()).success());
    device.close();
    co_await device.wait_closed();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(ten_megabytes_are_sent_back_as_they_came) {  // S9
  live_stage s;
  auto main = [&]() -> task<void> {
    null_modem modem;
    auto device = io::serial_device::open(modem.near(), {.baud = 115200});
    auto other = co_await start_peer(modem.far(), "source");
    auto echo = [](io::serial_device port) -> task<void> {
      for (std::size_t left = size; left != 0;) {
        const auto piece = co_await port.read();
        left -= piece.size();
        co_await port.write(piece);
      }
    };
    auto echoing = spawn(echo(device));
    BOOST_TEST(co_await other.out().read_line() == "equal\n");
    co_await echoing;
    BOOST_TEST((co_await other.wait()).success());
    device.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_write_that_the_wire_holds_up_is_called_off_at_once) {  // S9
  live_stage s;
  auto main = [&]() -> task<void> {
    pseudo_terminal port;
    auto device = io::serial_device::open(port.path());
    auto write = [](io::serial_device to) -> task<void> {
      co_await to.write(std::string(1'000'000, 'w'));
    };
    for (int i = 0; i != 5; ++i) {
      auto writer = spawn(write(device));
      co_await until([&] { return device.unsent() > 64 * 1024; }, "the wire to be full");
      const auto begun = std::chrono::steady_clock::now();
      writer.cancel();
      BOOST_CHECK_THROW(co_await writer, cancelled);
      BOOST_TEST((std::chrono::steady_clock::now() - begun < 5 * 50ms));
      device.flush_output();
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
