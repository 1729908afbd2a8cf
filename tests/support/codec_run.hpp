// What a reader sees of a codec that is fed bytes in pieces, as a list of words that two runs can
// be compared by. Holds the codec to its contract while it is at it. For tests and for fuzz
// targets.
#pragma once

#include <buskin/io/bad_frame.hpp>
#include <buskin/io/codec.hpp>
#include <buskin/io/framing_lost.hpp>
#include <buskin/io/nmea0183_codec.hpp>
#include <buskin/io/tagged_codec.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace buskin::test {

inline std::string word_of(const std::string& frame) { return frame; }
inline std::string word_of(const io::tagged_frame& frame) {
  return std::to_string(frame.tag) + ":" + frame.body;
}
inline std::string word_of(const io::nmea_sentence& frame) {
  return std::string(to_string(frame.status)) + ": " + frame.text;
}

inline std::string word_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const limit_overrun& overrun) {
    return "<over " + std::to_string(overrun.limit()) + ">";
  } catch (const io::bad_frame&) {
    return "<bad>";
  } catch (const io::framing_lost&) {
    return "<lost>";
  } catch (const incomplete_read& end) {
    return "<" + end.partial() + " of " + std::to_string(end.expected()) + ">";
  }
}

template <io::codec Codec>
class codec_run {
 public:
  explicit codec_run(Codec codec) : codec_(std::move(codec)) {}

  void feed(std::string_view bytes, bool at_end = false) {
    if (lost) return;
    buffer_ += bytes;
    most_buffered = std::max(most_buffered, buffer_.size());
    for (;;) {
      auto step = codec_.decode(buffer_, at_end);
      require(step.consumed <= buffer_.size(), "consumed more than there was");
      require(!(step.frame && step.error), "gave a frame and an error together");
      require(step.error || !step.lost, "is lost without an error");
      buffer_.erase(0, step.consumed);
      if (step.frame) {
        seen.push_back(word_of(*step.frame));
        frames.push_back(std::move(*step.frame));
      }
      if (step.error) seen.push_back(word_of(step.error));
      lost = step.lost;
      if (lost || (step.consumed == 0 && !step.frame && !step.error)) break;
    }
    require(!at_end || lost || buffer_.empty(), "left bytes over at the end");
    most_kept = std::max(most_kept, buffer_.size());
  }

  void end() { feed({}, true); }

  const Codec& codec() const { return codec_; }

  std::vector<std::string> seen;  // frames and "<errors>"
  std::vector<typename Codec::frame_type> frames;
  bool lost = false;
  std::size_t most_buffered = 0;
  std::size_t most_kept = 0;  // after the codec had its say

 private:
  static void require(bool holds, const char* what) {
    if (!holds) throw std::logic_error(std::string("the codec ") + what);
  }

  Codec codec_;
  std::string buffer_;
};

/// All of `bytes` at once, then the end.
template <io::codec Codec>
codec_run<Codec> run_whole(Codec codec, std::string_view bytes) {
  codec_run run(std::move(codec));
  run.feed(bytes);
  run.end();
  return run;
}

/// Pieces whose sizes are those in `sizes`, again and again.
template <io::codec Codec>
codec_run<Codec> run_pieces(Codec codec, std::string_view bytes,
                            const std::vector<std::size_t>& sizes) {
  codec_run run(std::move(codec));
  for (std::size_t i = 0; !bytes.empty(); ++i) {
    const auto piece = bytes.substr(0, std::max<std::size_t>(sizes[i % sizes.size()], 1));
    bytes.remove_prefix(piece.size());
    run.feed(piece);
  }
  run.end();
  return run;
}

}  // namespace buskin::test
