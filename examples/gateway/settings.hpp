// What the gateway is told on its command line or in its configuration file.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gateway {

/// A device to read from: a serial port, or a TCP server that sends sentences.
struct device_settings {
  std::string name;
  std::string path;      // of the serial port; empty for TCP
  unsigned baud = 4800;  // NMEA 0183's own rate
  std::string tcp;       // "host:port"; empty for a serial port

  /// Reads "gps0=/dev/ttyUSB0@4800" or "ais=tcp://host:port". Throws std::invalid_argument with
  /// what is wrong.
  static device_settings parse(const std::string& text);
};

struct settings {
  std::vector<device_settings> devices;
  std::string serve = "127.0.0.1:7070";
  std::optional<std::chrono::milliseconds> run_for;  // none: until Ctrl-C
  bool wait_for_devices = false;                     // start although a serial port is missing
  unsigned workers = 1;
  bool plain = false;

  bool demo = false;
  std::vector<std::string> recordings;
  std::uint64_t seed = 1;
};

/// The settings, or the exit status of a program that has nothing more to do (help was asked for,
/// or an error was printed).
struct parsed {
  std::optional<gateway::settings> settings;
  int status = 0;
};
parsed parse_command_line(int argc, char** argv);

}  // namespace gateway
