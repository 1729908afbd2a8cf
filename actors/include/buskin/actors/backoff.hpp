// How long to wait before something is tried again.
#pragma once

#include <buskin/runtime/clock.hpp>

#include <chrono>

namespace buskin {

/// How long to wait before a restart: `initial` after the first failure, `factor` times as long
/// after each further one, `maximum` at most; each wait is moved by a random share of up to
/// `jitter` of itself, either way. A child that ran for `reset_after` begins anew. An `initial` of
/// zero restarts at once.
struct backoff {
  duration initial = duration::zero();
  duration maximum = std::chrono::seconds(30);
  double factor = 2.0;
  double jitter = 0.2;
  duration reset_after = std::chrono::seconds(60);

  /// The wait before restart number `failures` (1 for the first); `random` in [-1, 1].
  duration wait(unsigned failures, double random) const;
};

}  // namespace buskin
