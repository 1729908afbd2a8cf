#include "settings.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <stdexcept>

namespace gateway {

device_settings device_settings::parse(const std::string& text) {
  const auto refuse = [&](const std::string& why) {
    throw std::invalid_argument(
        "device \"" + text + "\": " + why +
        "; write NAME=/dev/PORT@BAUD or NAME=tcp://HOST:PORT, such as gps0=/dev/ttyUSB0@4800");
  };
  device_settings device;
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) refuse("it has no name");
  device.name = text.substr(0, equals);
  if (device.name == "*" || device.name.find_first_of(" \t\"'") != std::string::npos)
    refuse("the name may not be * or have spaces or quotation marks");
  std::string where = text.substr(equals + 1);
  if (where.starts_with("tcp://")) {
    device.tcp = where.substr(6);
    if (device.tcp.find(':') == std::string::npos) refuse("the port is missing");
    return device;
  }
  if (const auto at = where.rfind('@'); at != std::string::npos) {
    const char* end = where.data() + where.size();
    const auto [stop, error] = std::from_chars(where.data() + at + 1, end, device.baud);
    if (error != std::errc() || stop != end || device.baud == 0)
      refuse("the baud rate is a number above 0");
    where.resize(at);
  }
  if (where.empty()) refuse("the port's path is missing");
  device.path = where;
  return device;
}

namespace {

std::optional<std::chrono::milliseconds> parse_length(const std::string& text) {
  if (text.empty()) return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  const std::string unit(stop, end);
  const double scale = unit == "ms"                  ? 1
                       : unit == "s" || unit.empty() ? 1000
                       : unit == "min"               ? 60'000
                                                     : 0;
  if (error != std::errc() || scale == 0 || value <= 0)
    throw std::invalid_argument("--for \"" + text +
                                "\": no length of time; write 20s, 500ms or 2min");
  return std::chrono::milliseconds(static_cast<long long>(value * scale));
}

}  // namespace

parsed parse_command_line(int argc, char** argv) {
  CLI::App app{
      "Reads NMEA 0183 and AIS receivers and serves what they say to TCP clients, as JSON lines."};
  app.footer(
      "Clients send lines: subscribe *, subscribe NAME, unsubscribe, devices, stats, quit.\n"
      "A configuration file has the same names: device = [\"gps0=/dev/ttyUSB0@4800\"], serve = "
      "\"127.0.0.1:7070\".");
  settings result;
  std::vector<std::string> devices;
  std::string length;
  app.add_option("--device", devices,
                 "NAME=/dev/PORT@BAUD or NAME=tcp://HOST:PORT; once for each device");
  app.add_option("--serve", result.serve, "HOST:PORT to listen at; port 0 chooses a free one")
      ->capture_default_str();
  app.add_option("--for", length,
                 "end after this time (20s, 2min); without it Ctrl-C ends the gateway");
  app.add_flag("--wait", result.wait_for_devices,
               "start although a serial port is missing, and open it when it appears");
  app.add_option("--workers", result.workers, "threads that run actors")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_flag("--plain", result.plain, "plain lines instead of the live table");
  app.add_flag("--demo", result.demo, "bring simulated receivers that are unplugged at random");
  app.add_option("--recording", result.recordings,
                 "what the simulated receivers send (with --demo); once for each receiver");
  app.add_option("--seed", result.seed, "of the demo's chance")->capture_default_str();
  app.set_config("--config", "", "read settings from this file");
  app.allow_config_extras(
      CLI::config_extras_mode::error);  // a name that is misspelt there is said, as it is here
  const auto complain = [](const std::string& what) {
    std::cerr << "gateway: " << what << '\n';
    return parsed{std::nullopt, 2};
  };
  try {
    app.parse(argc, argv);
    for (const auto& text : devices) result.devices.push_back(device_settings::parse(text));
    result.run_for = parse_length(length);
  } catch (const CLI::CallForHelp& help) {
    return {std::nullopt, app.exit(help)};
  } catch (const CLI::ConfigError& error) {
    const std::string what = error.what();
    return complain("the configuration file " + app.get_config_ptr()->as<std::string>() +
                    " has an entry that is none of ours: " + what.substr(what.rfind(' ') + 1));
  } catch (const CLI::Error& error) {
    return complain(std::string(error.what()) + " (gateway --help lists the options)");
  } catch (const std::invalid_argument& error) {
    return complain(error.what());
  }
  for (auto device = result.devices.begin(); device != result.devices.end(); ++device)
    if (std::any_of(result.devices.begin(), device,
                    [&](const auto& other) { return other.name == device->name; }))
      return complain("two devices are called \"" + device->name +
                      "\"; give each a name of its own");
  if (result.devices.empty() && !result.demo)
    return complain(
        "there is nothing to read from; give at least one --device, or --demo (gateway --help "
        "lists the options)");
  if (!result.recordings.empty() && !result.demo)
    return complain("--recording needs --demo, whose receivers play it");
  return {std::move(result), 0};
}

}  // namespace gateway
