// What two nodes say to each other: frames of a length (four bytes, little-endian, without itself),
// a kind, and what the kind needs.
#pragma once

#include <buskin/io/detail/wire_writer.hpp>
#include <buskin/runtime/clock.hpp>

#include <caf/execution_unit.hpp>
#include <caf/node_id.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace buskin::io::detail {

enum class frame_kind : std::uint8_t {
  hello = 1,  ///< once, by both, before anything else
  message,    ///< from one actor to another
  ended,      ///< an actor's number, and the reason; of each that the peer has learnt of
  lookup,     ///< a question's number, and a name
  found,      ///< the question's number, and an actor's, or 0
  list,       ///< a question's number
  names,      ///< the question's number, and what is published
  ping,       ///< I am alive
  bye         ///< the sender leaves in good order, and why
};

/// Whose actor the sender of a message is, as seen by who writes the frame: the low bits of its
/// flags.
enum class whose : std::uint8_t { nobodys, ours, yours, others };
inline constexpr std::uint8_t whose_mask = 3;
/// The message hands something over that comes back when nobody takes it.
inline constexpr std::uint8_t returnable_flag = 4;

inline constexpr std::size_t frame_head = 4;
inline constexpr std::size_t longest_name = 255;
inline constexpr std::size_t longest_hello = 1024;

/// A frame at the end of a string of them, while it is written.
class frame_writer {
 public:
  frame_writer(caf::execution_unit& unit, std::string& out, frame_kind kind)
      : out_(out), begin_(out.size()), to(unit, out) {
    out_.append(frame_head, '\0');
    to.put_byte(static_cast<std::uint8_t>(kind));
  }
  std::size_t size() const noexcept { return out_.size() - begin_ - frame_head; }
  /// Its length is known now.
  void finish() noexcept {
    for (std::size_t i = 0; i != frame_head; ++i)
      out_[begin_ + i] = static_cast<char>(static_cast<unsigned char>(size() >> 8 * i));
  }
  /// There shall be none.
  void drop() noexcept { out_.resize(begin_); }

 private:
  std::string& out_;
  const std::size_t begin_;

 public:
  wire_writer to;
};

/// The length in front of a frame; `bytes` are four at least.
std::size_t length_of_frame(std::string_view bytes) noexcept;

/// Who is at the other end.
struct hello {
  std::string name;
  caf::node_id node;
  std::uint64_t most = 0;  ///< the longest frame that is taken
  duration silence{};      ///< after which it gives a peer up
};

std::string to_frame(caf::execution_unit& unit, const hello& said);
/// `frame` is without its length. Throws protocol_error, which says what is wrong.
hello to_hello(caf::execution_unit& unit, std::string_view frame);

/// For where there is no worker: only the actor system is asked of it.
class bare_unit final : public caf::execution_unit {
 public:
  explicit bare_unit(caf::actor_system& system) : caf::execution_unit(&system) {}
  void exec_later(caf::resumable* ready) override;
};

}  // namespace buskin::io::detail
