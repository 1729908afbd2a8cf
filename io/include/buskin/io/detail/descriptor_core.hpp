// A stream over a descriptor of the operating system: a socket, a terminal, a pipe.
#pragma once

#include <buskin/io/detail/stream_core.hpp>

#include <asio/generic/stream_protocol.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <memory>
#include <string>
#include <variant>

namespace buskin::io::detail {

/// What a descriptor is, where that makes a difference.
enum class descriptor_kind : std::uint8_t { socket, terminal };

class descriptor_core final : public stream_core {
 public:
  /// Takes the descriptor over; it must be non-blocking. On the worker `home`.
  descriptor_core(worker& home, int descriptor, descriptor_kind kind, std::string name);
  ~descriptor_core() override;

  std::string describe() const override { return name_; }
  int descriptor() const noexcept override { return closed() ? -1 : descriptor_number_; }

 protected:
  transfer transport_read(char* target, std::size_t size) override;
  transfer transport_write(const char* bytes, std::size_t size) override;
  void watch_readable() override;
  void watch_writable() override;
  void transport_end_of_writing() override;
  void transport_close() override;

 private:
  static constexpr std::size_t smallest_front = 512;
  static constexpr std::size_t largest_front = 16 * 1024;

  transfer read_now(char* target, std::size_t size) noexcept;

  // Two kinds for Asio as well: it receives from a socket by a shorter way than it reads from a
  // file.
  std::variant<asio::posix::stream_descriptor, asio::generic::stream_protocol::socket> object_;
  // The bytes with which Asio told that there are some: the beginning of the next read. Grows with
  // what comes at once.
  std::unique_ptr<char[]> front_;
  std::size_t front_capacity_ = smallest_front;
  std::size_t front_begin_ = 0;
  std::size_t front_end_ = 0;
  transfer ending_;  // what came instead of bytes, and what every further read gets
  const int descriptor_number_;
  const descriptor_kind kind_;
  const std::string name_;
};

/// The error of the last system call.
std::error_code last_error() noexcept;

/// Closes its descriptor at the end of a scope unless it was given away.
class unique_descriptor {
 public:
  explicit unique_descriptor(int descriptor = -1) noexcept : descriptor_(descriptor) {}
  unique_descriptor(unique_descriptor&& other) noexcept : descriptor_(other.release()) {}
  unique_descriptor& operator=(unique_descriptor&& other) noexcept;
  ~unique_descriptor();
  int get() const noexcept { return descriptor_; }
  int release() noexcept { return std::exchange(descriptor_, -1); }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

}  // namespace buskin::io::detail
