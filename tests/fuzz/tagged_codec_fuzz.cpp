#include <buskin/io/tagged_codec.hpp>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buskin;
  fuzz::input in(data, size);
  io::tagged_options options{.max_line = in.below(64)};
  if (in.below(2) == 1) {
    options.forms[static_cast<std::uint8_t>(in.below(256))] = io::tagged_form::newline;
    options.forms[static_cast<std::uint8_t>(in.below(256))] = io::tagged_form::length_byte;
  }
  const io::tagged_codec codec(options);
  fuzz::check_codec(codec, in, [](fuzz::input& from) {
    const auto tag = static_cast<std::uint8_t>(from.below(256));
    return io::tagged_frame{tag, from.piece()};
  });
  return 0;
}
