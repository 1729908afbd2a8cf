// Programs that run as children of this one.
//
// What always holds: a child has one actor that watches it, so it is never left a zombie, and does
// not outlive it; and it never stands still because nobody reads what it writes.
#pragma once

#include <buskin/actors/detail/cell.hpp>
#include <buskin/io/argument_vector.hpp>
#include <buskin/io/exit_status.hpp>
#include <buskin/io/process_options.hpp>
#include <buskin/io/shell_command.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/lean_ref.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/actor.hpp>
#include <caf/atom.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

namespace buskin::io {

// The message face, besides (subscribe) and (unsubscribe). A subscriber is sent `(process_out,
// bytes)` and `(process_err, bytes)` (std::string, 1 byte to 64 KiB) as output comes, and
// `(process_exit, exit_status)` once; output goes to subscribers instead of readers, and does not
// wait for them.
using process_out = caf::atom_constant<caf::atom("bk.out")>;
using process_err = caf::atom_constant<caf::atom("bk.err")>;
/// To a subscriber; and as a request, answered with the exit_status when the process has ended.
using process_exit = caf::atom_constant<caf::atom("bk.exit")>;
/// `(process_write, std::string)`: to its input. Answered when it was accepted.
using process_write = caf::atom_constant<caf::atom("bk.write")>;
/// `(process_end_input)`.
using process_end_input = caf::atom_constant<caf::atom("bk.eof")>;
/// `(process_signal, int)`.
using process_signal = caf::atom_constant<caf::atom("bk.signal")>;

/// What a process wrote and how it ended.
struct process_output {
  std::optional<std::string> out;  ///< none when the output led elsewhere than to us
  std::optional<std::string> err;
  exit_status status;
  /// False when somebody else (a grandchild) still held the output open at `process_options::drain`
  /// after the end: then it is what had come by then.
  bool complete = true;
};

namespace detail {

class process_actor;

/// What the last handle to a process lets go.
class process_owner {
 public:
  explicit process_owner(const lean_ref<process_actor>& actor) noexcept;
  ~process_owner();
  process_owner(const process_owner&) = delete;
  process_owner& operator=(const process_owner&) = delete;
  process_actor& actor() const noexcept;
  caf::actor handle() const { return actor_.handle(); }

 private:
  lean_ref<lean_actor> actor_;  // a process_actor
};

class [[nodiscard("nothing happens until it is awaited")]] exit_wait final : public wait {
 public:
  exit_wait(std::shared_ptr<process_owner> process, const std::source_location& where) noexcept;
  ~exit_wait();
  bool ready() noexcept override { return waiting_->resolved(); }
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  exit_status await_resume();

 private:
  std::shared_ptr<process_owner> process_;
  cell_ref<cell<exit_status>> waiting_;
  exit_status status_;
};

}  // namespace detail

/// A handle to a process; copies refer to the same one. When the last goes, the process is ended
/// (see process_options::on_drop). Any thread of its runtime, except for the streams, which pull
/// their task to the process's worker.
class process {
 public:
  static constexpr std::size_t default_limit = 64 * 1024 * 1024;

  process() noexcept = default;
  explicit process(std::shared_ptr<detail::process_owner> owner) noexcept
      : owner_(std::move(owner)) {}

  explicit operator bool() const noexcept { return owner_ != nullptr; }

  // -- its streams ------------------------------------------------------------------------------

  /// Writes to its input. Throws invalid_state unless that is a pipe or a pty. `write_eof` or
  /// `close` ends it. Writing fails with std::system_error (EPIPE) when nobody can read it any
  /// more.
  stream in() const;
  /// Reads its output (its error stream). Throws invalid_state unless that is a pipe or a pty.
  /// From the first read on it waits for its reader when the pipe is full; what nobody reads is
  /// taken all the same and its newest part kept (process_options::keep_unread). A read that comes
  /// after such a loss fails once with std::system_error (ENOBUFS), then goes on.
  stream out() const;
  stream err() const;
  /// How many bytes were lost because nobody read them.
  std::uint64_t unread_lost() const;

  // -- its end ----------------------------------------------------------------------------------

  /// Waits for its end, however much it writes, and whoever else holds its pipes. Any number of
  /// tasks, again and again. Cancellation: of the wait only.
  detail::exit_wait wait(std::source_location where = std::source_location::current()) const;
  /// Writes `input`, ends its input, reads all output, and waits for the end. That nobody read the
  /// input is no error. Throws limit_overrun when it writes more than `limit` bytes; it was ended
  /// by then. Throws invalid_state for input that leads nowhere, and while another task reads.
  /// Cancellation: the process goes on, and what it wrote stays for the next read or communicate.
  task<process_output> communicate(
      std::string input = {}, std::size_t limit = default_limit,
      std::source_location where = std::source_location::current()) const;
  /// Once it has ended.
  std::optional<exit_status> status() const;

  /// Sends a signal to its process group; with group::ours, to the process. Throws
  /// std::system_error (ESRCH) when it has ended.
  void send_signal(int number) const;
  /// SIGTERM.
  void terminate() const;
  /// SIGKILL.
  void kill() const;
  /// Ends it: SIGTERM, SIGKILL after the grace, then the rest of its group. Yields how it ended.
  /// Cancellation: it is ended all the same.
  task<exit_status> stop(std::source_location where = std::source_location::current()) const;

  // -- looking at it ----------------------------------------------------------------------------

  int pid() const;
  /// "process "sleep" (pid 12), running", "…, exited with 0", "a process that was not started".
  std::string describe() const;
  caf::actor actor() const;

 private:
  detail::process_actor& self() const;
  std::shared_ptr<detail::process_owner> owner_;
};

std::string to_string(const process& which);

/// Starts a program; it is looked for in the PATH of its environment unless its name has a slash.
/// The process starts with default signal dispositions, nothing blocked, and no descriptor but its
/// standard streams and those passed. Throws std::system_error, with the program or the path in its
/// text, when it cannot be started: not found, not executable, bad interpreter, no such working
/// directory, too long; std::invalid_argument for what cannot be passed on (a NUL, no program).
/// Cancellation: leaves no process.
task<process> exec(argument_vector argv, process_options options = {},
                   std::source_location where = std::source_location::current());

/// Runs a command with /bin/sh, its arguments in the places `{}`, whatever they contain. Throws
/// std::invalid_argument when there are more or fewer of them than places. Else as `exec`.
task<process> shell(shell_command command, argument_vector arguments = {},
                    process_options options = {},
                    std::source_location where = std::source_location::current());

/// Runs a string with /bin/sh. Who can choose part of it can run anything.
task<process> shell_raw(std::string command, process_options options = {},
                        std::source_location where = std::source_location::current());

}  // namespace buskin::io
