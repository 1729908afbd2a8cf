// Serial ports and other terminals.
#pragma once

#include <buskin/io/modem_lines.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/task.hpp>

#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>

namespace buskin::io {

/// `mark` and `space`: a parity bit that is always 1, or always 0.
enum class parity { none, even, odd, mark, space };
enum class flow_control { none, hardware /* RTS/CTS */, software /* XON/XOFF */ };
/// Whether another process may open the device while we have it.
enum class sharing { exclusive, shared };
/// A line that we drive.
enum class line_state : std::uint8_t { off, on };

struct serial_options {
  /// Bits a second; any rate the driver can make.
  unsigned baud = 9600;
  unsigned data_bits = 8;  ///< 5 to 8
  io::parity parity = io::parity::none;
  unsigned stop_bits = 1;  ///< 1 or 2 (with 5 data bits the hardware makes 1.5 of 2)
  flow_control flow = flow_control::none;
  io::sharing sharing = io::sharing::exclusive;
  /// The driver is to hand over each byte at once. Throws where it cannot be told that.
  bool low_latency = false;
};

/// An open serial port, in raw mode. Reading the end of the stream (an empty read), or a read that
/// fails with EIO, means that the device was unplugged or the other end of a pseudo terminal was
/// closed. One direction cannot end alone: `write_eof` throws.
///
/// What asks or tells the driver without waiting (settings, lines, flushes) is for the device's own
/// worker, where whoever opened it or awaited one of its operations is; elsewhere it throws
/// invalid_state, for the port may be closed there at the same time.
///
/// What the driver cannot do fails with std::system_error (ENOTTY, EINVAL), which names the device
/// and what was asked of it: a pseudo terminal has no lines.
class serial_device : public stream {
 public:
  using stream::stream;

  /// Opens and sets up the device at `path`. Inside a running runtime; opening a device does not
  /// wait, not even for a carrier. What came before is dropped (unless the device is shared): it
  /// may be the late answer to a question of an earlier session. Throws std::invalid_argument for a
  /// setting that no device has, std::system_error with the path in its text: ENOENT, EACCES, EBUSY
  /// when it is held exclusively (and by which process, as far as /proc tells), ENOTTY when it is
  /// no terminal, ENOTSUP when the driver did not take a setting (and what it took instead).
  static serial_device open(const std::string& path, serial_options options = {});

  /// Changes the settings of the open device; `sharing` stays as it was. Throws as `open`; when the
  /// driver did not take a setting, the device has those that the text tells.
  void configure(const serial_options& options) const;
  /// The rate that the driver was set to.
  unsigned baud() const;

  /// Waits until all that was written has left the port, as far as the driver can tell; it is asked
  /// from time to time, by the runtime's clock. Fails as `stream::drain`. Cancellation: changes
  /// nothing.
  task<void> drain(std::source_location where = std::source_location::current()) const;
  /// Drops what was received and not read yet, here and in the driver.
  void flush_input() const;
  /// Drops what was written and has not left the port yet, here and in the driver; tasks that wait
  /// to write go on.
  void flush_output() const;

  /// Waits as `drain`, then holds the line in the break state for so long. Cancellation: ends it.
  task<void> send_break(duration length = std::chrono::milliseconds(250),
                        std::source_location where = std::source_location::current()) const;

  /// Request to send, and data terminal ready.
  bool rts() const;
  bool dtr() const;
  void set_rts(line_state to) const;
  void set_dtr(line_state to) const;
  /// How the other end's lines stand.
  io::modem_lines modem_lines() const;
  /// Waits until they differ from `known`, and yields how they stand then. The driver is asked
  /// every `interval` of the runtime's clock: what comes and goes in between is not seen. (It could
  /// be waited for in a thread, which nothing could call off.)
  task<io::modem_lines> modem_lines_other_than(
      io::modem_lines known, duration interval = std::chrono::milliseconds(10),
      std::source_location where = std::source_location::current()) const;
};

}  // namespace buskin::io
