// Where something is, out of the sentences that say so: GGA and RMC of a GNSS receiver, and the
// position reports of ships (AIS). Pure functions of the sentences: no clock, no I/O.
#pragma once

#include <buskin/io/aivdm_assembler.hpp>
#include <buskin/io/nmea0183_codec.hpp>

#include <cstdint>
#include <optional>
#include <string>

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

/// What became of the assembled messages. `messages` = `positions` + `without_position` +
/// `other_types`.
struct ais_counts {
  std::uint64_t messages = 0;          // readable
  std::uint64_t positions = 0;         // of these: delivered
  std::uint64_t without_position = 0;  // types 1 to 3, but "not available" or impossible
  std::uint64_t other_types = 0;
  std::uint64_t malformed = 0;  // too short for what they say they are
};

/// Decodes the position reports (types 1 to 3, ITU-R M.1371) in `!xxVDM` and `!xxVDO` sentences.
/// One decoder serves one receiver.
class ais_decoder {
 public:
  explicit ais_decoder(buskin::io::aivdm_options options = {});

  /// The position this sentence gives, alone or as the last missing part of a message. Sentences of
  /// other kinds, or not valid, are left alone.
  std::optional<position> decode(const buskin::io::nmea_sentence& sentence);

  const ais_counts& counts() const { return counts_; }
  const buskin::io::aivdm_assembler& assembler() const { return assembler_; }

 private:
  buskin::io::aivdm_assembler assembler_;
  ais_counts counts_;
};

}  // namespace gateway
