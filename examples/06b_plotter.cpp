// A device whose session wants more of its port than a stream has: lines, breaks, and to know when
// the last byte has left it.
#include <buskin/buskin.hpp>

#include <iostream>
#include <memory>

using namespace std::chrono_literals;
namespace io = buskin::io;

// [device]
using shared_port = std::shared_ptr<io::serial_device>;

buskin::task<io::stream> open_plotter(std::string path, shared_port port) {
  *port = {};  // the last session's first, or the port is taken: by us
  *port = io::serial_device::open(path, {.baud = 4800});
  co_return *port;
}

buskin::task<void> plot(shared_port port) {
  for (const char* line : {"PU 0,0;\n", "PD 100,0;\n", "PU;\n"}) co_await port->write(line);
  co_await port->drain();  // until it has left the port, not only until the driver has it
  co_await port->send_break(300ms);
  while (!(co_await port->read()).empty()) {
  }  // until it is unplugged
}

io::device make_plotter(std::string path) {
  auto port = std::make_shared<io::serial_device>();
  return io::device(
      "plotter", [=] { return open_plotter(path, port); },
      [=](const io::stream&) { return plot(port); });
}
// [/device]

buskin::task<int> co_main(std::string path) {
  const auto plotter = make_plotter(path);
  auto events = plotter.events();
  buskin::supervisor devices(
      {plotter.spec()}, {.name = "devices", .intensity = buskin::supervisor_options::unlimited});
  for (;;) {  // until Ctrl-C
    const auto event = (co_await events.next()).value;
    std::cout << event.device << ' ' << to_string(event.state) << ' ' << event.reason << std::endl;
  }
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " /dev/PORT\n";
    return 2;
  }
  return buskin::run(co_main(argv[1]));
}
