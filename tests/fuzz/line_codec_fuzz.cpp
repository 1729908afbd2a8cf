#include <buskin/io/line_codec.hpp>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buskin;
  fuzz::input in(data, size);
  const auto cr = in.below(2) == 0 ? io::lone_cr::is_text : io::lone_cr::ends_line;
  io::line_options options{.max_length = in.below(64), .on_lone_cr = cr};
  // A lone CR is an ending only for a reader that takes it for one.
  const auto endings = cr == io::lone_cr::ends_line ? 3U : 2U;
  options.ending = static_cast<io::line_ending>(in.below(endings));
  const io::line_codec codec(options);
  fuzz::check_codec(codec, in,
                    [&](fuzz::input& from) { return from.piece().substr(0, options.max_length); });
  return 0;
}
