// What turns a stream of bytes into frames and back: the contract between a codec and `framed`.
// A codec knows nothing of streams, waiting or buffers; it is shown bytes and says what they are.
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace buskin::io {

/// What one look at the front of the buffered bytes gave.
///
/// Nothing consumed, no frame and no error: more bytes are needed.
template <class Frame>
struct decoded {
  /// The codec is done with so many bytes at the front; it never wants to see them again.
  std::size_t consumed = 0;
  /// A frame, if one became complete. A frame with nothing consumed is allowed.
  std::optional<Frame> frame{};
  /// The bytes at the front are at fault. The reader drops `consumed` bytes first and rethrows
  /// then, so that a caller who catches the error goes on with the frame after the fault.
  /// Never set together with `frame`.
  std::exception_ptr error{};
  /// The error is the last there is: no codec can tell where the next frame begins, and `decode` is
  /// not called again. Set only together with `error`, which is a `framing_lost` then.
  bool lost = false;
};

/// A pair of functions between frames and bytes, and the state they need for one stream.
///
/// `decode(bytes, at_end)` looks at the front of what is buffered.
///
///  - Bytes it has not consumed are at the front of `bytes` in the next call, with later ones
///    behind them. It is called again, at once, as long as it consumes, delivers or reports.
///  - Bytes may arrive in any split; frames and errors are the same, in the same order.
///  - `at_end` says that no more bytes will come. It is then called until it has nothing to say,
///    with empty `bytes` too. Bytes that are left over are half a frame.
///  - A fault in the data comes back in `decoded::error`; `decode` throws only when it cannot work
///    at all (no memory). After an error the codec is at the start of the next frame, or skips
///    towards it in the next calls, unless the format makes that impossible (`decoded::lost`).
///  - It asks for more bytes only up to a limit of its own, so that a buffer stays bounded whatever
///    the peer sends.
///
/// `encode(frame, out)` appends the bytes of one frame to `out`. It throws `std::invalid_argument`,
/// and leaves `out` as it was, when `decode` could not read the frame back. (A codec may leave a
/// limit on what it reads out of that, and says so.)
///
/// One codec object serves one stream: after a reconnect, start with a new one.
template <class C>
concept codec = requires(C c, std::string_view bytes, bool at_end,
                         const typename C::frame_type& frame, std::string& out) {
  typename C::frame_type;
  { c.decode(bytes, at_end) } -> std::same_as<decoded<typename C::frame_type>>;
  { c.encode(frame, out) } -> std::same_as<void>;
};

}  // namespace buskin::io
