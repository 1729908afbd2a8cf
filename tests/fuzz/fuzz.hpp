// What every target checks. A finding is a trap, with a sentence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/codec_run.hpp"

namespace buskin::fuzz {

inline void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

/// The fuzzer's input: a few numbers at its front, then the bytes for the codec.
class input {
 public:
  input(const std::uint8_t* data, std::size_t size) {
    bytes_.reserve(size);
    for (std::size_t i = 0; i != size; ++i) bytes_ += static_cast<char>(data[i]);
    rest_ = bytes_;
  }
  input(const input&) = delete;
  input& operator=(const input&) = delete;

  /// A number less than `end`, which is 256 at most; 0 when there are none left.
  std::size_t below(std::size_t end) {
    if (rest_.empty()) return 0;
    const auto number = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return number % end;
  }
  std::vector<std::size_t> cuts() {
    std::vector<std::size_t> sizes;
    for (int i = 0; i != 4; ++i) sizes.push_back(1 + below(i == 3 ? 100 : 5));
    return sizes;
  }
  std::string_view rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

  /// As many bytes as the next of them says.
  std::string piece() {
    const auto size = below(256);
    const std::string taken(rest_.substr(0, size));
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string bytes_;
  std::string_view rest_;
};

template <class Codec>
concept counting = requires(const Codec& c) {
  c.counts();
};

/// The bytes give the same in pieces as at once, whatever they are.
template <io::codec Codec>
void check_cuts(const Codec& codec, std::string_view bytes, const std::vector<std::size_t>& cuts) {
  const auto whole = test::run_whole(codec, bytes);
  const auto pieces = test::run_pieces(codec, bytes, cuts);
  const auto single = test::run_pieces(codec, bytes, {1});
  check(pieces.seen == whole.seen && single.seen == whole.seen, "a cut changes what is seen");
  if constexpr (counting<Codec>) {
    check(pieces.codec().counts() == whole.codec().counts() &&
              single.codec().counts() == whole.codec().counts(),
          "a cut changes the counts");
    const auto& counts = whole.codec().counts();
    check(counts.frames == whole.frames.size() &&
              counts.frames + counts.errors == whole.seen.size() && counts.dropped <= bytes.size(),
          "the counts are not what was seen");
  }
}

/// Frames that were sent come back, and nothing else. `bytes` is what `codec` made of `sent`.
template <io::codec Codec>
void check_back(const Codec& codec, const std::vector<typename Codec::frame_type>& sent,
                std::string_view bytes, const std::vector<std::size_t>& cuts) {
  const auto got = test::run_pieces(codec, bytes, cuts);
  check(got.frames == sent && got.seen.size() == sent.size(), "a frame does not come back");
}

/// Appends the frame, if `codec` can express it, to both. Nothing is written of one it refuses.
template <io::codec Codec>
void send(const Codec& codec, typename Codec::frame_type frame,
          std::vector<typename Codec::frame_type>& sent, std::string& bytes) {
  const auto before = bytes;
  try {
    codec.encode(frame, bytes);
    sent.push_back(std::move(frame));
  } catch (const std::invalid_argument&) {
    check(bytes == before, "a refused frame left bytes behind");
  }
}

/// All there is to check of a codec: `in` as bytes to decode; what these gave, and `make(in)` until
/// `in` is empty, as frames to send.
template <io::codec Codec, class Make>
void check_codec(const Codec& codec, input& in, Make make) {
  const auto cuts = in.cuts();
  check_cuts(codec, in.rest(), cuts);
  std::vector<typename Codec::frame_type> sent;
  std::string bytes;
  for (auto& frame : test::run_whole(codec, in.rest()).frames)
    send(codec, std::move(frame), sent, bytes);
  while (!in.empty()) send(codec, make(in), sent, bytes);
  check_back(codec, sent, bytes, cuts);
}

inline std::string make_bytes(input& in) { return in.piece(); }

}  // namespace buskin::fuzz
