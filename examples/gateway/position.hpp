// Where something is, out of the sentences that say so: GGA and RMC of a GNSS receiver, and the
// position reports of ships (AIS). Pure functions of the sentences: no clock, no I/O.
#pragma once

#include <buskin/io/nmea0183_codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gateway {

struct position {
  double latitude = 0;               // degrees, north is positive
  double longitude = 0;              // degrees, east is positive
  std::optional<double> altitude_m;  // above mean sea level
  std::optional<double> speed_knots;
  std::optional<double> course_deg;   // over ground, from true north
  std::optional<std::uint32_t> mmsi;  // who it is: AIS only
  std::optional<int> quality;         // GGA: 1 GNSS, 2 differential, 4 RTK fixed, 5 RTK float, ...
  std::optional<int> satellites;      // GGA: in use
  std::string time_utc;  // "hh:mm:ss.sss" (GGA), "yyyy-mm-ddThh:mm:ss.sss" (RMC); digits as sent
  std::string source;    // "GGA", "RMC", "AIS1" to "AIS3"
};

/// The position in a valid GGA or RMC sentence of any talker; none if it is of another kind, has no
/// fix (quality 0, status 'V') or a field that makes no sense.
std::optional<position> decode_position(const buskin::io::nmea_sentence& sentence);

struct ais_options {
  /// Multi-part messages under way; the oldest makes room.
  std::size_t max_partials = 16;
  /// A message whose parts are further apart than so many AIS sentences is given up: receivers use
  /// their ten sequence numbers again, and parts of two messages must not meet.
  std::uint64_t max_gap = 64;
};

/// What became of the sentences. `messages` = `positions` + `without_position` + `other_types`.
struct ais_counts {
  std::uint64_t sentences = 0;         // VDM and VDO looked at
  std::uint64_t messages = 0;          // complete and readable
  std::uint64_t positions = 0;         // of these: delivered
  std::uint64_t without_position = 0;  // types 1 to 3, but "not available" or impossible
  std::uint64_t other_types = 0;
  std::uint64_t malformed = 0;         // sentences or assembled messages that break the rules
  std::uint64_t duplicates = 0;        // parts that were there already
  std::uint64_t dropped_partials = 0;  // messages whose missing parts did not come
};

/// Decodes the position reports (types 1 to 3, ITU-R M.1371) in `!xxVDM` and `!xxVDO` sentences.
/// The parts of a message belong together by talker, sequence number and channel; they may come in
/// any order. One decoder serves one receiver.
class ais_decoder {
 public:
  explicit ais_decoder(ais_options options = {});

  /// The position this sentence gives, alone or as the last missing part of a message. Sentences of
  /// other kinds, or not valid, are left alone.
  std::optional<position> decode(const buskin::io::nmea_sentence& sentence);

  const ais_counts& counts() const { return counts_; }

  /// Messages that wait for parts; never more than `max_partials`.
  std::size_t partials() const { return partials_.size(); }

 private:
  struct part {
    std::string payload;
    int fill_bits = 0;
    bool operator==(const part&) const = default;
  };

  struct partial {
    std::string key;  // talker, type, sequence number, channel
    std::size_t total = 0;
    std::size_t present = 0;
    std::array<std::optional<part>, 9> parts;
    std::uint64_t last_seen = 0;  // number of the sentence that brought the last part
  };

  std::optional<position> assemble(std::string key, std::size_t total, std::size_t number,
                                   part piece);
  std::optional<position> decode_message(const part& message);
  void drop_stale();

  ais_options options_;
  ais_counts counts_;
  std::vector<partial> partials_;  // a dozen at most: searched from one end to the other
};

}  // namespace gateway
