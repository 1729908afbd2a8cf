#include <buskin/io/cobs_codec.hpp>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buskin;
  fuzz::input in(data, size);
  const io::cobs_codec codec({.max_length = in.below(2) == 0 ? in.below(256) : std::string::npos});
  fuzz::check_codec(codec, in, [](fuzz::input& from) { return from.piece() + from.piece(); });
  return 0;
}
