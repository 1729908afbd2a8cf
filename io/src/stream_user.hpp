// An actor that uses a stream and is no coroutine.
//
// What always holds: each `on_…` and `read_once` runs in the actor's turn, on the stream's worker,
// and never inside another call of them; `on_stream_closed` is the last and comes once. Bytes that
// have arrived are taken in the step that tells of them, with no mailbox between.
#pragma once

#include <buskin/io/detail/stream_core.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include "read_scratch.hpp"

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string>

namespace buskin::io::detail {

class stream_user : public lean_actor, private stream_reader, private stream_observer {
 public:
  /// Not launched yet; it keeps itself alive until it has ended.
  stream_user(caf::actor_config& config, std::shared_ptr<stream_core> core);
  ~stream_user() override;

  std::string title() const override { return core_->describe(); }

 protected:
  stream_core& core() const noexcept { return *core_; }

  /// From now on `read_once` is called whenever it is worth while. Throws invalid_state when
  /// somebody else reads.
  void start_reading();
  void stop_reading() noexcept;
  bool is_reading() const noexcept { return wants_; }
  /// Reads what was read ahead, else from the stream, into `target`.
  transfer read_into(std::span<char> target);

  /// One read, and what is done with it.
  virtual transfer read_once() = 0;
  /// The peer sends no more. Reading has stopped.
  virtual void on_end_of_stream() = 0;
  /// A read failed. Reading has stopped.
  virtual void on_read_failed(std::exception_ptr why) = 0;
  /// Less is unsent than before.
  virtual void on_less_unsent() = 0;
  virtual void on_stream_closed() = 0;
  /// An exception left one of these, or a message's handler: for want of memory, usually.
  virtual void on_broken(std::exception_ptr why) = 0;
  /// The actor got a turn for something else (a timer).
  virtual void on_other_news() {}

  void on_start() override;
  void on_signal() final;
  void on_end() noexcept override;

 private:
  // Reads in a row, after which others have their turn.
  static constexpr int reads_a_turn = 32;

  void on_read_news() final { signal_here(); }
  // Not here and now: the core tells others, too, and what is done with the news may be anything.
  void on_sent() final {
    sent_ = true;
    signal();
  }
  void on_closed() final { signal(); }

  void pump();
  void leave_reading() noexcept;

  const std::shared_ptr<stream_core> core_;
  bool wants_ = false;      // to read
  bool listening_ = false;  // it is the core's reader
  bool observing_ = false;
  bool sent_ = false;
  bool told_closed_ = false;
};

}  // namespace buskin::io::detail
