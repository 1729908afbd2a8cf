// The stream that a process writes to and we read.
//
// What always holds: either somebody reads, collects or is subscribed, or what comes is taken off
// the pipe at once and its newest part kept. So a child is made to wait only by a reader.
#pragma once

#include <buskin/io/detail/descriptor_core.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace buskin::io::detail {

class output_core;

/// Who owns an output.
class output_listener {
 public:
  /// Bytes came while collecting.
  virtual void on_collected() = 0;
  /// Bytes came while there are subscribers.
  virtual void on_output(output_core& from, std::string bytes) = 0;
  /// The task that runs here is the reader from now on.
  virtual void on_new_reader(output_core& from) = 0;
  /// Nothing more will come. Maybe in the middle of a call.
  virtual void on_output_end() = 0;

 protected:
  ~output_listener() = default;
};

class output_core final : public stream_core, private readiness_member {
 public:
  enum class mode : std::uint8_t { unread, read, collected, subscribed };

  output_core(worker& home, unique_descriptor descriptor, std::string name, std::size_t keep,
              output_listener& owner);
  ~output_core() override;

  std::string describe() const override { return name_; }
  int descriptor() const noexcept override { return descriptor_.get(); }

  mode how() const noexcept { return mode_; }
  void set_mode(mode how);
  /// The actor that read last; 0 for none, or one of CAF's own.
  std::uint64_t reader() const noexcept { return reader_; }
  /// How much is here.
  std::size_t size() const noexcept { return buffered().size() + kept_.size() - kept_begin_; }
  /// Any thread.
  std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }
  bool ended() const noexcept { return ending_.what != transfer::status::would_block; }
  /// Takes out all that is here.
  std::string take();
  /// Unread, it keeps that much.
  void keep_at_least(std::size_t bytes) noexcept { keep_ = std::max(keep_, bytes); }
  /// From now on what comes is dropped.
  void discard() noexcept;
  /// Takes what the pipe has and ends it. False when somebody might have written more.
  bool finish();
  /// The owner goes.
  void forget_owner() noexcept { owner_ = nullptr; }

 protected:
  transfer transport_read(char* target, std::size_t size) override;
  transfer transport_write(const char* bytes, std::size_t size) override;
  void watch_readable() override;
  void watch_writable() override {}
  void transport_end_of_writing() override {}
  void transport_close() override;

 private:
  static constexpr int calls_a_turn = 32;
  static constexpr std::size_t finish_most = 4 * 1024 * 1024;  // more than any pipe holds

  void on_readiness(readiness what) override;
  void on_loop_end() noexcept override;
  void pump();
  void again();
  void keep(const char* bytes, std::size_t size);
  transfer read_now(char* target, std::size_t size) noexcept;
  void end(const transfer& how);

  unique_descriptor descriptor_;
  const std::string name_;
  output_listener* owner_;
  std::size_t keep_;
  std::string kept_;  // newer than buffered()
  std::size_t kept_begin_ = 0;
  std::atomic<std::uint64_t> lost_{0};  // alone: no partner
  std::uint64_t reader_ = 0;
  transfer ending_;
  int calls_ = 0;  // of a reader in this turn
  mode mode_ = mode::unread;
  bool gap_ = false;  // between what was read and kept_: the reader is to be told
  bool readable_ = false;
  bool posted_ = false;
};

}  // namespace buskin::io::detail
