#include <buskin/io/aivdm_assembler.hpp>

#include "fuzz/fuzz.hpp"

namespace {

using namespace buskin;

// No random bytes have a right checksum, so sentences are taken as decoded.
void check_message(const io::ais_payload& message) {
  fuzz::check(message.fill_bits >= 0 && message.fill_bits <= 5, "the fill bits are not 0 to 5");
  fuzz::check(message.size() <= message.text.size() * 6, "a message is longer than its text");
  for (std::size_t first = 0; first <= message.size() + 8; first += 7) {
    for (std::size_t count = 0; count <= 31; count += 5) {
      const auto bits = message.bits(first, count);
      fuzz::check(bits >> count == 0, "a number has more bits than asked for");
      const auto number = static_cast<std::uint32_t>(message.signed_bits(first, count));
      fuzz::check((number & ((1U << count) - 1)) == bits, "the sign changes the bits");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const io::aivdm_options options{.max_partials = in.below(4), .max_gap = in.below(8)};
  io::aivdm_assembler assembler(options);
  std::size_t messages = 0;
  std::string_view rest = in.rest();
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto before = assembler.counts();
    const auto message = assembler.add({.text = "!AIVD" + std::string(line)});
    const auto& counts = assembler.counts();
    if (message) {
      ++messages;
      check_message(*message);
    }
    fuzz::check(counts.messages == messages, "the messages are miscounted");
    fuzz::check(counts.sentences - before.sentences <= 1, "a sentence counts twice");
    fuzz::check(assembler.partials() <= std::max<std::size_t>(options.max_partials, 1),
                "more messages wait for parts than may");
    fuzz::check(counts.messages + counts.malformed + counts.duplicates + counts.dropped_partials +
                        assembler.partials() <=
                    counts.sentences,
                "a sentence is accounted for twice");
  }
  return 0;
}
