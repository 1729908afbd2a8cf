// Where a test plays with children of this process: when it is over, none is left, not even as a
// zombie.
#pragma once

#include <buskin/io/process_options.hpp>
#include <buskin/runtime/runtime.hpp>

#include "io/live_stage.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/wait.h>

#include <cerrno>

namespace buskin::test {

inline bool no_children() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

/// With an input to write to.
inline io::process_options piped() {
  io::process_options options;
  options.in = io::redirect::pipe();
  return options;
}

/// Runs `body()`, a task, on a stage of its own.
template <class F>
void on_stage(F body, unsigned workers = 1) {
  live_stage s(runtime_options{.workers = workers});
  s.run(body());
  BOOST_TEST(s.runtime.shutdown().clean());
  BOOST_TEST(no_children());
}

}  // namespace buskin::test
