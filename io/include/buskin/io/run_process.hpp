// A program from its start to its end, in one call. trio's run_process, Python's subprocess.run.
#pragma once

#include <buskin/io/process.hpp>
#include <buskin/io/process_failed.hpp>
#include <buskin/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <source_location>
#include <string>

namespace buskin::io {

struct run_process_options {
  /// How it is started. With an `input` its input is a pipe, whatever is said here.
  process_options start;
  /// Written to its input, which is ended then. That nobody reads it is no error.
  std::optional<std::string> input;
  /// What a code other than 0, or an end by a signal, is: a process_failed, or a result like any.
  enum class failure : std::uint8_t { throws, is_returned };
  failure unsuccessful = failure::throws;
  /// Output beyond so many bytes ends it, and throws limit_overrun.
  std::size_t limit = process::default_limit;
  /// Ends it when the run is cancelled; without one `process::stop`: SIGTERM, and SIGKILL after
  /// `start.grace`. If it still runs when this has returned or thrown, `process::stop` ends it.
  std::function<task<void>(process)> stop;
};

/// Runs a program: gives it its input, takes all its output, and waits for the end. Throws
/// process_failed with what it wrote unless it succeeds; else what `exec` and
/// `process::communicate` throw. Cancellation: `stop` is awaited, and the program's end; then
/// `cancelled` is thrown, or what `stop` threw. A second one breaks that off: the program is ended
/// all the same.
task<process_output> run_process(argument_vector argv, run_process_options options = {},
                                 std::source_location where = std::source_location::current());

}  // namespace buskin::io
