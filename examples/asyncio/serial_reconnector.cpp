// A serial port that is unplugged and comes back under another name, behind the same link: as
// /dev/serial/by-id has one for each device.
#include <buskin/buskin.hpp>

#include <fcntl.h>
#include <stdlib.h>

#include <filesystem>
#include <iostream>

namespace io = buskin::io;
using namespace std::chrono_literals;

/// A port of a pseudo terminal. Whoever drops the stream pulls the plug.
io::stream plug_in(const std::filesystem::path& link) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0)
    throw std::system_error(errno, std::system_category(), "cannot make a pseudo terminal");
  std::filesystem::remove(link);
  std::filesystem::create_symlink(::ptsname(master), link);
  return io::from_descriptor(master, "the wire");
}

// [device]
buskin::task<io::stream> open_port(std::string path) {
  co_return io::serial_device::open(path, {.baud = 4800});
}

buskin::task<void> take_lines(io::stream port, buskin::queue<std::string> into) {
  for (;;) {
    std::string line = co_await port.read_line();
    if (line.empty()) co_return;  // unplugged
    co_await into.put(std::move(line));
  }
}
// [/device]

using states = buskin::subscription<io::device_event>;

buskin::task<void> wait_for(states& events, io::device_state wanted) {
  for (;;) {
    const auto event = (co_await events.next()).value;
    std::cout << event.device << ' ' << to_string(event.state) << '\n';
    if (event.state == wanted) co_return;
  }
}

buskin::task<void> co_main() {
  const auto folder = co_await io::temp_directory::create();
  const auto link = folder.path() / "by-id";
  auto wire = plug_in(link);
  buskin::queue<std::string> lines;
  io::device gps(
      "gps", [path = link.string()] { return open_port(path); },
      [lines](io::stream port) { return take_lines(std::move(port), lines); });
  auto events = gps.events();
  buskin::supervisor devices(
      {gps.spec()}, {.name = "devices", .intensity = buskin::supervisor_options::unlimited});
  for (const char* text : {"before\n", "after\n"}) {
    co_await wait_for(events, io::device_state::up);
    co_await wire.write(text);
    const std::string line = co_await lines.get();
    std::cout << "  " << line;
    wire.close();
    co_await wait_for(events, io::device_state::down);
    wire = plug_in(link);  // it is tried again after a while
  }
  co_await wait_for(events, io::device_state::up);
  std::cout << gps.sessions() << " sessions\n";
  devices.stop();
}

int main() { buskin::run(co_main()); }
