// NMEA 0183 (IEC 61162-1) sentences out of whatever a serial line delivers. Nothing is swallowed:
// each sentence that begins comes out as one frame, each run of other bytes too, with the verdict.
#pragma once

#include <buskin/io/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace buskin::io {

/// The verdict on a run of bytes. All but `valid` are reasons to reject it.
enum class nmea_status {
  valid,
  bad_checksum,  ///< complete, but the checksum is another
  no_checksum,   ///< a line end where "*hh" was due
  truncated,     ///< cut off by the start of another sentence or by the end of the stream
  too_long,      ///< more than `nmea0183_options::max_length`; the text is cut there
  malformed,     ///< not the form of a sentence: a byte that is not printable, no address, ...
  garbage,       ///< bytes that belong to no sentence
};

/// "valid", "bad checksum", ...: for a log or a table.
std::string_view to_string(nmea_status status);

/// One sentence, or one run of bytes that is none.
///
/// The views point into `text` and live as long as it is not changed; none can be had of a
/// temporary. On a rejected sentence they show what can be seen and never fail.
struct nmea_sentence {
  /// From '$' or '!' up to and with the checksum, without the line end.
  std::string text;
  nmea_status status = nmea_status::valid;

  /// '$' (parametric) or '!' (encapsulated: AIS); 0 in garbage.
  char start() const;

  /// The first field without '$' or '!': "GPGGA", "PUBX".
  std::string_view address() const&;

  /// Who speaks: the first two characters of the address ("GP", "AI"), or "P" if proprietary.
  std::string_view talker() const&;

  /// What is said: the address without its talker ("GGA", "VDM"). Of a proprietary sentence the
  /// maker's code and what the maker adds to it ("UBX", "GRME").
  std::string_view type() const&;

  /// 'P' is the maker's own and follows no rule but that of the checksum.
  bool proprietary() const;

  /// All fields, the address first, the checksum not: the numbers are those of the manuals, where
  /// field 1 is the first behind the address. Empty in garbage.
  std::vector<std::string_view> fields() const&;

  /// One of them, or an empty one if there are not so many.
  std::string_view field(std::size_t number) const&;

  std::string_view address() const&& = delete;
  std::string_view talker() const&& = delete;
  std::string_view type() const&& = delete;
  std::vector<std::string_view> fields() const&& = delete;
  std::string_view field(std::size_t number) const&& = delete;

  bool operator==(const nmea_sentence&) const = default;

 private:
  std::string_view body() const;
};

/// The exclusive or of the characters between '$' or '!' and '*'; both may be missing.
std::uint8_t nmea_checksum(std::string_view sentence);

/// What to do with a sentence that has no "*hh".
enum class missing_checksum { reject, accept };

struct nmea0183_options {
  /// The longest sentence, with '$' and CR LF, as the standard counts. The standard says 82;
  /// receivers with many satellites or high resolution send more. At least 16.
  std::size_t max_length = 1024;
  missing_checksum on_missing_checksum = missing_checksum::reject;
};

/// How the bytes are divided:
///
///  - Each '$' and each '!' begins a sentence, wherever it stands: what was open before is reported
///    as `truncated`, and the decoder is in step again.
///  - A sentence ends with a checksum that is right, at once; else at CR, LF, both, the next '$' or
///    '!' or the end of the stream. So one damaged line is one rejected frame, and what stands
///    behind a good sentence on its line does not spoil it.
///  - Bytes outside of sentences are `garbage`, one frame for each run; a line end, '$' or '!'
///    ends it.
///  - What is longer than `max_length` is delivered cut, and the rest of it dropped as it comes.
///  - CR, LF, blanks and tabs between frames are no frame, and neither is a TAG block
///    (`\s:shore,c:1609459200*5B\`) whose form and checksum are right. A wrong one is garbage.
///
/// Thus the number of '$' and '!' received is the number of frames that are not `garbage`, and what
/// a device sent is what was delivered as `valid` and what was rejected, by reason, and no more.
/// A rejected sentence is a frame and not an error: `decoded::error` is never set.
class nmea0183_codec {
 public:
  using frame_type = nmea_sentence;

  /// Throws `std::invalid_argument` if `max_length` is less than 16.
  explicit nmea0183_codec(nmea0183_options options = {});

  decoded<nmea_sentence> decode(std::string_view bytes, bool at_end);

  /// Appends the text, "*hh" if it has none, and CR LF; the status is not looked at. Throws
  /// `std::invalid_argument` if that would not be decoded as a valid sentence.
  void encode(const nmea_sentence& sentence, std::string& out) const;

 private:
  decoded<nmea_sentence> decode_front(std::string_view bytes, bool at_end);

  nmea0183_options options_;
  std::size_t limit_;      // the longest text: max_length without CR LF
  bool skipping_ = false;  // in the rest of something that was delivered cut
};

}  // namespace buskin::io
