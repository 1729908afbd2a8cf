#include <buskin/io/fixed_codec.hpp>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buskin;
  fuzz::input in(data, size);
  const io::fixed_codec codec(1 + in.below(32));
  fuzz::check_codec(codec, in, [&](fuzz::input& from) {
    auto record = from.piece();
    record.resize(codec.size());
    return record;
  });
  return 0;
}
