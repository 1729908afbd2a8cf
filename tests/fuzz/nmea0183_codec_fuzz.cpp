#include <buskin/io/nmea0183_codec.hpp>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buskin;
  fuzz::input in(data, size);
  const io::nmea0183_codec codec({.max_length = 16 + in.below(100),
                                  .on_missing_checksum = in.below(2) == 0
                                                             ? io::missing_checksum::reject
                                                             : io::missing_checksum::accept});
  fuzz::check_cuts(codec, in.rest(), in.cuts());
  const std::string_view bytes = in.rest();
  std::size_t starts = 0;
  for (const char c : bytes) starts += c == 0x24 || c == 0x21 ? 1 : 0;  // "$" and "!"
  std::size_t sentences = 0;
  std::vector<io::nmea_sentence> sent;
  std::string again;
  for (const auto& frame : test::run_whole(codec, bytes).frames) {
    sentences += frame.status == io::nmea_status::garbage ? 0 : 1;
    // What can be seen of it, whatever it is.
    for (std::size_t i = 0; i != frame.fields().size() + 1; ++i)
      fuzz::check(frame.field(i).size() <= frame.text.size(),
                  "a field is longer than its sentence");
    fuzz::check(frame.address().size() == frame.talker().size() + frame.type().size(),
                "talker and type are not the address");
    if (frame.status == io::nmea_status::valid && frame.text.find(0x2a) != std::string::npos)
      fuzz::send(codec, frame, sent, again);
  }
  fuzz::check(sentences == starts, "a start is no sentence, or a sentence has no start");
  fuzz::check_back(codec, sent, again, {1});
  return 0;
}
