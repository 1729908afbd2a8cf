// SLIP (RFC 1055): packets over a serial line.
#pragma once

#include <buskin/io/codec.hpp>
#include <buskin/io/codec_counts.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

namespace buskin::io {

/// What `encode` puts in front of a packet.
enum class slip_start {
  nothing,
  end,  ///< an END, which parts the packet from noise on the idle line, as the RFC advises
};

struct slip_options {
  /// Bytes of a packet, decoded.
  std::size_t max_length = 65536;
  slip_start start = slip_start::end;
};

/// A packet ends with END (C0); END and ESC (DB) inside it are sent as DB DC and DB DD. Nothing
/// between two ENDs is no packet. What was received before the first END counts as a packet: the
/// format has no check, so put one into the packet.
///
/// An ESC before another byte is reported as `bad_frame`, a packet longer than `max_length` as
/// `limit_overrun`, each once and as soon as it is certain; the packet is dropped up to its END,
/// and the next one survives. A stream that ends inside a packet is reported as `incomplete_read`
/// with what was decoded.
class slip_codec {
 public:
  using frame_type = std::string;  ///< a packet, never empty

  explicit slip_codec(slip_options options = {});

  decoded<std::string> decode(std::string_view bytes, bool at_end);

  /// Throws `std::invalid_argument` for an empty packet and for one longer than `max_length`.
  void encode(const std::string& packet, std::string& out) const;

  const codec_counts& counts() const noexcept { return counts_; }

 private:
  void begin_packet();
  bool append(std::string_view bytes);
  decoded<std::string> fault(std::size_t consumed, std::exception_ptr why);
  decoded<std::string> bad_escape(std::string_view bytes, std::size_t consumed);
  decoded<std::string> overrun(std::size_t consumed);

  slip_options options_;
  codec_counts counts_;
  std::string open_;       // what was decoded of the packet under way
  std::size_t raw_ = 0;    // as many bytes as were taken for it
  bool escaped_ = false;   // an ESC was the last of them
  bool skipping_ = false;  // the rest of the packet is dropped
};

}  // namespace buskin::io
