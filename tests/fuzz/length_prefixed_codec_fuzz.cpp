#include <buskin/io/length_prefixed_codec.hpp>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buskin;
  fuzz::input in(data, size);
  const io::length_prefixed_codec codec(
      {1 + in.below(8),
       in.below(2) == 0 ? io::byte_order::big_endian : io::byte_order::little_endian,
       in.below(2) == 0 ? io::length_of::payload : io::length_of::whole_frame,
       in.below(2) == 0 ? in.below(256) : std::string::npos});
  fuzz::check_codec(codec, in, fuzz::make_bytes);
  return 0;
}
