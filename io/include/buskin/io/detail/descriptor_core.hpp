// A stream over a descriptor of the operating system: a socket, a terminal, a pipe.
#pragma once

#include <buskin/io/detail/readiness_set.hpp>
#include <buskin/io/detail/stream_core.hpp>

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace buskin::io::detail {

/// The error of the last system call.
std::error_code last_error() noexcept;

/// Writes so that a reader who is gone is an error, not a signal.
ssize_t write_without_signal(int descriptor, const char* bytes, std::size_t size) noexcept;
ssize_t write_without_signal(int descriptor, std::span<const iovec> pieces) noexcept;

/// Lets the system copy some of a file to a socket, from `offset` on; 0: the file ends there. Fails
/// with ENOSYS where it cannot.
ssize_t send_file_without_signal(int socket, int file, std::uint64_t offset,
                                 std::size_t count) noexcept;

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

/// What a descriptor is, where that makes a difference.
enum class descriptor_kind : std::uint8_t {
  socket,
  terminal,        ///< a serial port: one direction cannot end alone
  pipe,            ///< one direction: to end writing is to close it, and so is to lose the reader
  pseudo_terminal  ///< the master's side: to end writing is to type Ctrl-D
};

class descriptor_core final : public stream_core, private readiness_member {
 public:
  /// The descriptor must be non-blocking. On the worker `home`.
  descriptor_core(worker& home, unique_descriptor descriptor, descriptor_kind kind,
                  std::string name);
  ~descriptor_core() override;

  std::string describe() const override { return name_; }
  std::string hint(const std::error_code& error) const override;
  int descriptor() const noexcept override { return descriptor_.get(); }
  bool can_end_writing() const noexcept override { return kind_ != descriptor_kind::terminal; }

 protected:
  transfer transport_read(char* target, std::size_t size) override;
  transfer transport_write(const char* bytes, std::size_t size) override;
  transfer transport_write_pieces(std::span<const std::string_view> pieces,
                                  std::size_t skip) override;
  transfer transport_send_file(int descriptor, std::uint64_t offset, std::size_t count) override;
  void watch_readable() override;
  void watch_writable() override;
  void transport_end_of_writing() override;
  void transport_close() override;

 private:
  // System calls in a row, after which others have their turn.
  static constexpr int calls_a_turn = 32;

  void on_readiness(readiness what) override;
  void on_loop_end() noexcept override;
  /// Calls `then` when others have had their turn.
  void next_turn(void (descriptor_core::*then)());
  transfer read_now(char* target, std::size_t size) noexcept;
  /// Calls it again when it was interrupted.
  template <class Call>
  transfer write_now(Call call);
  /// Whether the turn is over: the flood of one stream must not be the drought of the others.
  bool turn_is_over() noexcept { return ++calls_ > calls_a_turn; }

  unique_descriptor descriptor_;
  transfer ending_;  // what came instead of bytes, and what every further read gets
  const std::string name_;
  int calls_ = 0;  // in this turn
  const descriptor_kind kind_;
  const bool written_only_;  // a pipe
  bool readable_ = false;    // the last attempt did not find it empty
  bool ended_ = false;  // behind the bytes there is an end or an error: no edge will tell of it
};

}  // namespace buskin::io::detail
