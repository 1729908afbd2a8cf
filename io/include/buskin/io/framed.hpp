// Frames over a stream, by a codec.
#pragma once

#include <buskin/io/codec.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/task.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace buskin::io {

/// Reads and writes the frames of `Codec` on a stream. Owns its end of the stream; one task reads
/// at a time, any number write. Of bytes that are no whole frame yet it holds as many as the codec
/// asks for, and at most one read (64 KiB) more.
template <codec Codec>
class framed {
 public:
  using frame_type = typename Codec::frame_type;

  explicit framed(stream bytes, Codec codec = Codec())
      : stream_(std::move(bytes)), codec_(std::move(codec)) {}

  /// Awaits the next frame; none at the end of the stream. Throws what the codec says of a fault in
  /// the bytes (the next call goes on behind it, unless it was `framing_lost`, which then all calls
  /// throw), std::system_error of the stream. Cancellation: loses no byte; frames that were begun
  /// are completed by the next call.
  task<std::optional<frame_type>> next() {
    for (;;) {
      if (auto frame = next_buffered()) co_return frame;
      if (ended_) co_return std::nullopt;
      if (begin_ != 0) {
        buffer_.erase(0, begin_);
        begin_ = 0;
      }
      std::string more = co_await stream_.read();
      if (more.empty())
        ended_ = true;
      else if (buffer_.empty())
        buffer_ = std::move(more);
      else
        buffer_ += more;
    }
  }

  /// A frame that can be had without reading, if there is one. Throws as `next` does.
  std::optional<frame_type> next_buffered() {
    if (lost_) std::rethrow_exception(lost_);
    for (;;) {
      auto got = codec_.decode(std::string_view(buffer_).substr(begin_), ended_);
      begin_ += got.consumed;
      if (got.lost) lost_ = got.error;
      if (got.error) std::rethrow_exception(got.error);
      if (got.frame) return std::move(got.frame);
      if (got.consumed == 0) return std::nullopt;
    }
  }

  /// Writes a frame, whole. Fails as `stream::write` does, and with std::invalid_argument for a
  /// frame that the codec cannot express.
  task<void> write(frame_type frame) {
    std::string bytes;
    codec_.encode(frame, bytes);
    co_await stream_.write(bytes);
  }

  /// Takes the stream as ended: what is buffered is decoded as the last there is. For after a read
  /// that failed.
  void end() noexcept { ended_ = true; }

  const stream& bytes() const noexcept { return stream_; }
  /// For a look at what it counted.
  Codec& codec_state() noexcept { return codec_; }

 private:
  stream stream_;
  Codec codec_;
  std::string buffer_;
  std::size_t begin_ = 0;
  bool ended_ = false;
  std::exception_ptr lost_;  // what ended the framing for good
};

}  // namespace buskin::io
