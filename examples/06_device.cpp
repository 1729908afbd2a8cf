// A serial receiver that is supervised: opened, read, lost, and opened again. Try it with a path
// that does not exist yet.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;
namespace io = buskin::io;

// [open]
buskin::task<io::stream> open_port(std::string path) {
  co_return io::serial_device::open(path, {.baud = 4800});
}
// [/open]

buskin::task<void> print_sentences(io::stream bytes) {
  io::framed<io::nmea0183_codec> sentences(bytes);
  while (auto sentence = co_await sentences.next())
    std::cout << to_string(sentence->status) << ": " << sentence->text << '\n';
}

// [device]
buskin::task<int> co_main(std::string path) {
  io::device gps(
      "gps", [path] { return open_port(path); }, print_sentences);
  auto events = gps.events();
  buskin::supervisor devices(
      {gps.spec()}, {.name = "devices", .intensity = buskin::supervisor_options::unlimited});
  for (;;) {  // until Ctrl-C
    const auto event = (co_await events.next()).value;
    std::cout << event.device << ' ' << to_string(event.state) << ' ' << event.reason << std::endl;
  }
}
// [/device]

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " /dev/PORT\n";
    return 2;
  }
  return buskin::run(co_main(argv[1]));
}
