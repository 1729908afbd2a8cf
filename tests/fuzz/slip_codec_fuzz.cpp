#include <buskin/io/slip_codec.hpp>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buskin;
  fuzz::input in(data, size);
  const io::slip_codec codec(
      {.max_length = in.below(2) == 0 ? in.below(64) : std::string::npos,
       .start = in.below(2) == 0 ? io::slip_start::nothing : io::slip_start::end});
  fuzz::check_codec(codec, in, fuzz::make_bytes);
  return 0;
}
