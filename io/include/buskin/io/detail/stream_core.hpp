// What a stream of bytes is inside: buffers, at most one reader, writers behind a high-water mark.
//
// A core belongs to one worker, and only that worker's thread touches it: an actor that reads or
// writes is moved there first. Below it stands a transport: a descriptor, or memory. What always
// holds: bytes are taken from the transport only for a reader that gets them in the same step or
// into the buffer that the next read begins with, so a cancelled read loses nothing. Between the
// buffers and the transport there may be a layer that changes the bytes: TLS.
#pragma once

#include <buskin/io/detail/homed_wait.hpp>
#include <buskin/io/transfer.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/worker.hpp>
#include <buskin/runtime/detail/worker_ref.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <caf/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace buskin::io::detail {

using namespace buskin::detail;

class stream_actor;
class stream_layer;

/// Who takes what a stream receives; one at a time.
class stream_reader {
 public:
  /// Another read is worth while, or the stream was closed. On the stream's worker.
  virtual void on_read_news() = 0;

 protected:
  ~stream_reader() = default;
};

/// Who is told what becomes of a stream. On the stream's worker. When told, it may take
/// itself out, and no other.
class stream_observer {
 public:
  /// Less is unsent than before.
  virtual void on_sent() = 0;
  /// It is closed, its descriptor too. Once.
  virtual void on_closed() = 0;

 protected:
  ~stream_observer() = default;

 private:
  friend class stream_core;
  stream_observer* next_ = nullptr;
};

class stream_core;

/// A place in what is written that somebody fills by himself: behind what was accepted before it
/// was made, in front of what is accepted later. Made and used on the stream's worker.
class stream_gap {
 public:
  /// Throws as a write does.
  explicit stream_gap(std::shared_ptr<stream_core> core);
  ~stream_gap();
  stream_gap(const stream_gap&) = delete;
  stream_gap& operator=(const stream_gap&) = delete;

  /// All before it was handed down. Throws when the stream broke.
  bool reached() const;
  transfer write(const char* bytes, std::size_t size);
  /// By the system's own copying; `operation_not_supported` where there is none. 0: the file ends.
  transfer send_file(int descriptor, std::uint64_t offset, std::size_t count);
  /// Who is told when it is reached and when more can be written; null for nobody.
  void tell(homed_wait* whom) noexcept { told_ = whom; }

 private:
  friend class stream_core;
  const std::shared_ptr<stream_core> core_;
  const std::uint64_t at_;  // of all that passes the buffer
  homed_wait* told_ = nullptr;
  stream_gap* next_ = nullptr;
};

class stream_core : public std::enable_shared_from_this<stream_core> {
 public:
  explicit stream_core(worker& home) noexcept;
  virtual ~stream_core();
  stream_core(const stream_core&) = delete;
  stream_core& operator=(const stream_core&) = delete;

  /// Only while its runtime lives.
  worker& home() const noexcept { return *home_; }
  bool is_home() const noexcept { return home_.is_here(); }
  bool homeless() const noexcept { return home_.gone(); }
  /// Calls it in a turn of its own at home; nothing when the runtime has gone.
  void post_home(std::function<void()> function) const { home_.post(std::move(function)); }

  // -- reading ----------------------------------------------------------------------------------
  std::string_view buffered() const noexcept { return std::string_view(in_).substr(in_begin_); }
  void consume(std::size_t bytes) noexcept;
  /// Reads straight into `target`. Nothing may be buffered.
  transfer read_into(char* target, std::size_t size);
  /// Reads more into the buffer.
  transfer fill();
  /// Throws invalid_state when there is one.
  void set_reader(stream_reader& reader);
  /// Nothing when it is not the reader.
  void forget_reader(stream_reader& reader) noexcept;
  bool has_reader() const noexcept { return reader_ != nullptr; }
  /// A read met the end, and nothing is buffered.
  bool at_end() const noexcept { return read_ended_ && buffered().empty(); }
  /// What a read failed with, and every other one will; empty while none did.
  const std::error_code& read_error() const noexcept { return read_error_; }

  // -- writing ----------------------------------------------------------------------------------
  /// Accepts all of `bytes`: written at once as far as possible, the rest buffered. Throws when the
  /// stream is closed or broken.
  void write(std::string_view bytes);
  /// The same, of all pieces together.
  void write(std::span<const std::string_view> pieces);
  std::size_t unsent() const noexcept { return queued() + (layer_ ? held_by_layer() : 0); }
  std::size_t high_water() const noexcept { return high_water_; }
  std::size_t low_water() const noexcept { return low_water_; }
  void set_water_marks(std::size_t low, std::size_t high);
  /// From the high-water mark on until the low one: writers are to wait.
  bool paused() const noexcept { return paused_; }
  wait_line& writers() noexcept { return writers_; }
  wait_line& drainers() noexcept { return drainers_; }
  bool has_gap() const noexcept { return gaps_ != nullptr; }
  /// Whether one direction can end alone.
  virtual bool can_end_writing() const noexcept { return true; }
  /// Drops what is buffered here; whoever waits to write goes on.
  void drop_output();
  void drop_input() noexcept { consume(buffered().size()); }
  /// Ends the sending direction when everything is sent.
  void write_eof();

  // -- a layer ----------------------------------------------------------------------------------
  /// Puts `layer` upon the transport, or upon the layer that is there; what is buffered was read
  /// below it. Nobody may read, and nothing may be unsent.
  void add_layer(std::unique_ptr<stream_layer> layer);
  const stream_layer* layer() const noexcept { return layer_.get(); }
  /// One step of the newest layer's opening. Until it is done nothing else is read, and what is
  /// written waits.
  transfer open_layer();

  // -- ending -----------------------------------------------------------------------------------
  /// No more reading; what is unsent is still sent, and a layer takes its leave of the peer, for
  /// `linger` or the layer's own time at most. The runtime's shutdown waits for that.
  void close();
  /// A close that is under way waits for nothing that the peer should say.
  void hurry_close();
  /// At once; unsent bytes are dropped. `why`: what it was lost to, if to anything.
  void abort(std::error_code why = {});
  bool closing() const noexcept { return closing_; }
  bool closed() const noexcept { return closed_; }
  /// `write_eof` was called.
  bool write_ended() const noexcept { return eof_requested_; }
  /// Why writing fails; empty while it does not.
  const std::error_code& write_error() const noexcept { return write_error_; }
  /// What it was lost to, not by our own will; empty for nothing.
  const std::error_code& lost() const noexcept { return lost_; }
  /// Who waits until it is closed.
  wait_line& closers() noexcept { return closers_; }
  [[noreturn]] void throw_closed(const char* operation) const;
  [[noreturn]] void throw_failed(const char* operation, const std::error_code& error) const;

  void add_observer(stream_observer& observer) noexcept;
  void remove_observer(stream_observer& observer) noexcept;

  virtual std::string describe() const = 0;
  /// What may be behind an error, in words; empty where the error says it.
  virtual std::string hint(const std::error_code&) const { return {}; }
  /// The descriptor; -1 for none.
  virtual int descriptor() const noexcept { return -1; }

  /// The stream's message face, made when it is first asked for. Any thread.
  caf::actor actor();

 protected:
  virtual transfer transport_read(char* target, std::size_t size) = 0;
  virtual transfer transport_write(const char* bytes, std::size_t size) = 0;
  /// Writes some of the pieces, less the first `skip` bytes of the first one.
  virtual transfer transport_write_pieces(std::span<const std::string_view> pieces,
                                          std::size_t skip);
  virtual transfer transport_send_file(int descriptor, std::uint64_t offset, std::size_t count);
  /// Calls on_readable / on_writable once when another attempt is worth while.
  virtual void watch_readable() = 0;
  virtual void watch_writable() = 0;
  virtual void transport_end_of_writing() = 0;
  virtual void transport_close() = 0;

  void on_readable();
  void on_writable();
  /// Nobody will read what is written any more: closes it. Only what is unsent makes that an error.
  void lose_reader();
  /// The loop has ended, and nobody is there to be told.
  void abandon() noexcept;

 private:
  friend class stream_actor;
  friend class stream_layer;
  friend class stream_gap;
  struct closing_state;
  static constexpr std::size_t chunk = 16 * 1024;
  static constexpr auto linger = std::chrono::seconds(5);

  std::size_t queued() const noexcept { return out_.size() - out_begin_; }
  std::size_t held_by_layer() const noexcept;
  transfer put(const char* bytes, std::size_t size);
  void end_of_writing();
  void want_readable();
  void want_writable();
  void flush();
  void check_writing();
  void break_writing(const transfer& failed);
  void drop_unsent() noexcept;
  /// Behind what is there. Whoever calls it sees to it that it is sent.
  void keep_unsent(std::string_view bytes);
  /// How much of the buffer comes before the next gap.
  std::size_t sendable() const noexcept {
    if (gaps_ == nullptr) return queued();
    const std::uint64_t ahead = gaps_->at_ > passed_ ? gaps_->at_ - passed_ : 0;
    return ahead < queued() ? static_cast<std::size_t>(ahead) : queued();
  }
  bool all_sent() const noexcept { return unsent() == 0 && gaps_ == nullptr; }
  void remove_gap(stream_gap& gap) noexcept;
  void tell_gap();
  void set_alarm(duration length);
  /// Closes when nothing more is to be done for the peer. False when there is.
  bool close_if_done();
  void finish_close();
  void wake_writers();
  void wake_reader();
  void tell_observers(void (stream_observer::*news)());

  const worker_ref home_;
  std::unique_ptr<stream_layer> layer_;
  std::string in_;
  std::size_t in_begin_ = 0;
  std::string out_;
  std::size_t out_begin_ = 0;
  std::uint64_t passed_ = 0;    // bytes that left the buffer
  stream_gap* gaps_ = nullptr;  // the next one first
  std::size_t high_water_ = 64 * 1024;
  std::size_t low_water_ = 16 * 1024;
  stream_reader* reader_ = nullptr;
  wait_line writers_;
  wait_line drainers_;
  wait_line closers_;
  stream_observer* observers_ = nullptr;
  std::unique_ptr<closing_state> closing_state_;  // while closing_ and not yet closed_
  std::error_code read_error_;
  stream_actor* actor_ = nullptr;  // guarded by a mutex of stream_actor's
  std::error_code write_error_;
  std::error_code lost_;
  bool read_ended_ = false;
  bool paused_ = false;
  bool watching_read_ = false;
  bool watching_write_ = false;
  bool eof_requested_ = false;
  bool eof_sent_ = false;
  bool closing_ = false;
  bool closed_ = false;
  bool reader_lost_ = false;
  bool hurried_ = false;
};

}  // namespace buskin::io::detail
