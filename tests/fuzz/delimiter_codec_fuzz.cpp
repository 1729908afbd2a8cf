#include <buskin/io/delimiter_codec.hpp>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buskin;
  fuzz::input in(data, size);
  std::string delimiter;
  for (auto length = 1 + in.below(4); length != 0; --length)
    delimiter += "ab\r\n"[in.below(4)];  // few values, so that one is found
  const io::delimiter_codec codec(
      {delimiter, in.below(64),
       in.below(2) == 0 ? io::last_record::needs_delimiter : io::last_record::may_be_bare});
  fuzz::check_codec(codec, in, fuzz::make_bytes);
  return 0;
}
