// The lines by which a serial port is told how the other end stands.
#pragma once

namespace buskin::io {

/// Those that the other end drives, as a serial port sees them.
struct modem_lines {
  bool clear_to_send = false;   ///< CTS
  bool data_set_ready = false;  ///< DSR
  bool ring = false;            ///< RI
  bool carrier = false;         ///< CD, also called DCD or RLSD

  friend bool operator==(const modem_lines&, const modem_lines&) = default;
};

}  // namespace buskin::io
