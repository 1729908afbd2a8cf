// Frames of a serial port, each behind its tag: 1 is a length and so many bytes, 2 a line. The port
// is a pseudo terminal, and the sensor at its other end is a task.
#include <buskin/buskin.hpp>

#include <fcntl.h>
#include <stdlib.h>

#include <iostream>

namespace io = buskin::io;

struct wired {
  io::stream wire;   // the sensor's end
  std::string path;  // of the port
};

wired make_port() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0)
    throw std::system_error(errno, std::system_category(), "cannot make a pseudo terminal");
  std::string path = ::ptsname(master);
  return {io::from_descriptor(master, "the sensor's wire"), std::move(path)};
}

buskin::task<void> measure(io::stream wire) {
  io::framed<io::tagged_codec> out(wire);
  co_await wire.write("\xff\xfe");  // noise
  for (const char* value : {"21.5", "21.7"}) co_await out.write({.tag = 1, .body = value});
  co_await out.write({.tag = 2, .body = "the sensor is warm"});
}

// [read]
buskin::task<void> read_port(io::serial_device port) {
  io::framed<io::tagged_codec> frames(port);
  for (int i = 0; i != 3; ++i) {
    const auto frame = co_await frames.next();
    std::cout << "tag " << int{frame->tag} << ": " << frame->body << '\n';
  }
  std::cout << "skipped: " << frames.codec_state().counts().dropped << " bytes\n";
}
// [/read]

buskin::task<void> co_main() {
  const auto [wire, path] = make_port();
  auto port = io::serial_device::open(path, {.baud = 115200});
  std::cout << "open at " << port.baud() << " baud\n";
  auto sensor = buskin::spawn(measure(wire), {"sensor"});
  co_await read_port(port);
  co_await sensor;
  port.close();
  co_await port.wait_closed();
  std::cout << "closed\n";
}

int main() { buskin::run(co_main()); }
