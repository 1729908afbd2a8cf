// Serial ports and other terminals.
#pragma once

#include <buskin/io/stream.hpp>

#include <chrono>
#include <string>

namespace buskin::io {

enum class parity { none, even, odd };
enum class flow_control { none, hardware /* RTS/CTS */, software /* XON/XOFF */ };
/// Whether another process may open the device while we have it.
enum class sharing { exclusive, shared };

struct serial_options {
  /// Bits a second; any rate the driver can make.
  unsigned baud = 9600;
  unsigned data_bits = 8;  ///< 5 to 8
  io::parity parity = io::parity::none;
  unsigned stop_bits = 1;  ///< 1 or 2
  flow_control flow = flow_control::none;
  io::sharing sharing = io::sharing::exclusive;
};

/// An open serial port, in raw mode. Reading the end of the stream (an empty read), or a read that
/// fails with EIO, means that the device was unplugged or the other end of a pseudo terminal was
/// closed.
class serial_device : public stream {
 public:
  using stream::stream;

  /// Opens and sets up the device at `path`. Inside a running runtime; opening a device does not
  /// wait. Throws std::invalid_argument for a setting that no device has, std::system_error with
  /// the path in its text: ENOENT, EACCES, EBUSY when another process holds it exclusively, ENOTTY
  /// when it is no terminal.
  static serial_device open(const std::string& path, serial_options options = {});

  /// Changes the settings of the open device. Throws as `open`.
  void configure(const serial_options& options) const;
  /// The rate that the driver was set to.
  unsigned baud() const;
};

}  // namespace buskin::io
