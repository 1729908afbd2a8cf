// The demo brings its own devices: receivers that play recordings, are unplugged and come back, and
// sometimes send garbage.
#pragma once

#include "hub.hpp"
#include "pseudo_terminal.hpp"
#include "settings.hpp"

#include <buskin/buskin.hpp>

#include <memory>
#include <vector>

namespace gateway {

/// One simulated receiver.
struct simulated {
  device_settings device;  // what the gateway is told
  std::string recording;   // the file that it plays
};

/// The demo's receivers: each recording on a serial port, and the last one of the project's own
/// over TCP at `tcp_port`.
std::vector<simulated> simulated_receivers(const settings& given, const device_folder& folder,
                                           std::uint16_t tcp_port);

/// The sentences of a recording: its lines but for notes, each with CR LF. Throws
/// std::runtime_error when it cannot be read or has none.
std::vector<std::string> read_recording(const std::string& path);

/// Plays a recording on a pseudo terminal at the pace of its baud rate, again and again, with
/// unplugging and garbage as `seed` has it.
buskin::task<void> play_on_port(simulated which, std::uint64_t seed);

/// The same to whoever connects: the handler of a TCP server.
buskin::task<void> play_to_client(std::vector<std::string> sentences, std::uint64_t seed,
                                  buskin::io::connection client);

/// A subscriber as a user would write one: connects, subscribes to everything, and counts what it
/// gets.
struct counted {
  std::uint64_t lines = 0;
  std::uint64_t positions = 0;
  std::string last_position;
};
buskin::task<void> subscribe_and_count(std::string where, std::shared_ptr<counted> into);

}  // namespace gateway
