// A device that sends readings and remarks on one wire, each behind a tag, and a codec of our own.
#include <buskin/buskin.hpp>
#include <buskin/io/codec_counts.hpp>
#include <buskin/io/tagged_codec.hpp>

#include <algorithm>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

using buskin::io::decoded, buskin::io::framed, buskin::io::stream, buskin::io::tagged_codec;

// [read]
buskin::task<void> read_device(stream wire) {
  framed<tagged_codec> frames(wire);
  while (auto frame = co_await frames.next()) {
    if (frame->tag == 1) std::cout << "reading of " << frame->body.size() << " bytes\n";
    if (frame->tag == 2) std::cout << "remark: " << frame->body << '\n';
  }
  std::cout << frames.codec_state().counts().dropped << " bytes were noise\n";
}
// [/read]

// [codec]
/// Numbers between '<' and '>'. What is not inside is skipped; a number has nine digits at most.
class number_codec {
 public:
  using frame_type = unsigned;

  decoded<unsigned> decode(std::string_view bytes, bool at_end) {
    const auto start = bytes.find('<');
    if (start != 0) return {.consumed = std::min(start, bytes.size())};  // skip the noise
    const auto stop = bytes.find_first_not_of("0123456789", 1);
    const auto digits = std::min(stop, bytes.size()) - 1;
    if (stop == bytes.npos && digits <= 9 && !at_end) return {};  // more bytes are needed
    if (stop == bytes.npos || bytes[stop] != '>' || digits < 1 || digits > 9) {
      return {.consumed = 1,
              .error = std::make_exception_ptr(
                  std::runtime_error("number_codec: a '<' without a number behind it; read on"))};
    }
    const std::string number(bytes.substr(1, digits));
    return {.consumed = stop + 1, .frame = static_cast<unsigned>(std::stoul(number))};
  }

  void encode(unsigned number, std::string& out) const {
    if (number > 999'999'999) throw std::invalid_argument("number_codec: more than nine digits");
    out += '<' + std::to_string(number) + '>';
  }
};
// [/codec]

// [use]
buskin::task<void> add_up(stream wire) {
  framed<number_codec> numbers(wire);
  unsigned sum = 0;
  while (auto number = co_await numbers.next()) sum += *number;
  std::cout << "sum: " << sum << '\n';
}
// [/use]

buskin::task<void> co_main() {
  auto [device, wire] = buskin::io::memory_stream();
  auto reader = buskin::spawn(read_device(wire), {"reader"});
  framed<tagged_codec> frames(device);
  co_await frames.write({1, "\x12\x34"});
  co_await device.write("???");  // the line hums
  co_await frames.write({2, "all is well"});
  device.write_eof();
  co_await reader;

  // [memory]
  auto [here, there] = buskin::io::memory_stream();
  auto adder = buskin::spawn(add_up(there), {"adder"});
  co_await here.write("noise <40> more <2> ");
  here.write_eof();
  co_await adder;
  // [/memory]

  // [lossy]
  auto [sender, receiver] = buskin::io::memory_stream();
  auto line = buskin::io::lossy_stream(receiver, {.seed = 7, .drop = 0.05, .split = 0.2});
  co_await sender.write(std::string(1000, '.'));
  sender.write_eof();
  const auto came = co_await line.read_all();
  std::cout << (came.size() < 1000 ? "some" : "no") << " bytes were lost\n";
  // [/lossy]
}

int main() { buskin::run(co_main()); }
