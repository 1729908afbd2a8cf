#include "peer_frames.hpp"

#include <buskin/io/detail/wire_reader.hpp>

#include <caf/actor_system.hpp>
#include <caf/config.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <chrono>
#include <stdexcept>

namespace buskin::io::detail {

namespace {

constexpr std::string_view magic = "BUSKIN";
constexpr std::uint64_t version = 1;
constexpr std::uint64_t longest_silence = 1000ULL * 60 * 60 * 24;  // ms

std::int64_t to_milliseconds(duration length) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(length).count();
}

[[noreturn]] void refuse(const std::string& why) {
  throw std::runtime_error("the other end is no node that this one can talk to: " + why);
}

}  // namespace

void bare_unit::exec_later(caf::resumable* ready) { system().scheduler().enqueue(ready); }

std::size_t length_of_frame(std::string_view bytes) noexcept {
  std::size_t length = 0;
  for (std::size_t i = frame_head; i-- != 0;)
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length;
}

std::string to_frame(caf::execution_unit& unit, const hello& said) {
  std::string out;
  frame_writer frame(unit, out, frame_kind::hello);
  frame.to.put_text(magic);
  frame.to.put_number(version);
  frame.to.put_number(CAF_VERSION);
  frame.to.put_text(said.name);
  auto node = said.node;
  frame.to(node);
  frame.to.put_number(said.most);
  frame.to.put_number(static_cast<std::uint64_t>(to_milliseconds(said.silence)));
  frame.finish();
  return out;
}

hello to_hello(caf::execution_unit& unit, std::string_view frame) {
  wire_reader in(unit, frame);
  hello said;
  std::uint8_t kind = 0;
  std::string text;
  std::uint64_t number = 0;
  if (in.get_byte(kind) || kind != static_cast<std::uint8_t>(frame_kind::hello) ||
      in.get_text(text, magic.size()) || text != magic)
    refuse("what it says is not Buskin's protocol");
  if (in.get_number(number)) refuse("its greeting is cut off");
  if (number != version)
    refuse("it speaks version " + std::to_string(number) + ", and we speak " +
           std::to_string(version));
  if (in.get_number(number)) refuse("its greeting is cut off");
  if (number != CAF_VERSION)
    refuse("its CAF is " + std::to_string(number) + ", and ours " + std::to_string(CAF_VERSION));
  if (in.get_text(said.name, longest_name) || said.name.empty() || in(said.node) || !said.node ||
      in.get_number(said.most) || in.get_number(number))
    refuse("its greeting is malformed");
  if (number == 0 || number > longest_silence) refuse("it is silent for as long as it likes");
  said.silence = std::chrono::milliseconds(number);
  return said;  // what a later version adds behind is skipped
}

}  // namespace buskin::io::detail
