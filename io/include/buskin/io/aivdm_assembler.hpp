// AIS messages out of `!AIVDM` and `!AIVDO` sentences: a long one comes in several parts.
#pragma once

#include <buskin/io/nmea0183_codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace buskin::io {

/// The payload of one AIS message, six bits a character as it was sent (ITU-R M.1371, IEC 61162-1).
struct ais_payload {
  std::string text;
  int fill_bits = 0;  ///< 0 to 5: so many bits at the end say nothing

  /// How many bits the message has.
  std::size_t size() const noexcept;
  /// `count` (at most 32) bits from `first` on as a number; the first bit is the highest. Bits
  /// behind the end are 0.
  std::uint32_t bits(std::size_t first, std::size_t count) const noexcept;
  /// The same as a number in two's complement; `count` is at most 31.
  std::int32_t signed_bits(std::size_t first, std::size_t count) const noexcept;

  bool operator==(const ais_payload&) const = default;
};

struct aivdm_options {
  /// Multi-part messages under way; the oldest makes room.
  std::size_t max_partials = 16;
  /// A message whose parts are further apart than so many AIS sentences is given up: receivers use
  /// their ten sequence numbers again, and parts of two messages must not meet.
  std::uint64_t max_gap = 64;
};

/// What became of the sentences.
struct aivdm_counts {
  std::uint64_t sentences = 0;         // VDM and VDO looked at
  std::uint64_t messages = 0;          // complete
  std::uint64_t malformed = 0;         // sentences or assembled messages that break the rules
  std::uint64_t duplicates = 0;        // parts that were there already
  std::uint64_t dropped_partials = 0;  // messages whose missing parts did not come
};

/// Puts the parts of AIS messages together. The parts of a message belong together by talker,
/// sequence number and channel; they may come in any order. One assembler serves one receiver.
class aivdm_assembler {
 public:
  explicit aivdm_assembler(aivdm_options options = {});

  /// The message this sentence completes, alone or as the last missing part. Sentences of other
  /// kinds, or not valid, are left alone.
  std::optional<ais_payload> add(const nmea_sentence& sentence);

  const aivdm_counts& counts() const noexcept { return counts_; }
  /// Messages that wait for parts; never more than `max_partials`.
  std::size_t partials() const noexcept { return partials_.size(); }

 private:
  struct partial {
    std::string key;  // talker, type, sequence number, channel
    std::size_t total = 0;
    std::size_t present = 0;
    std::array<std::optional<ais_payload>, 9> parts;
    std::uint64_t last_seen = 0;  // number of the sentence that brought the last part
  };

  std::optional<ais_payload> assemble(std::string key, std::size_t total, std::size_t number,
                                      ais_payload piece);
  void drop_stale();

  aivdm_options options_;
  aivdm_counts counts_;
  std::vector<partial> partials_;  // a dozen at most: searched from one end to the other
};

}  // namespace buskin::io
