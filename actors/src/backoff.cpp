#include <buskin/actors/backoff.hpp>

#include <algorithm>
#include <cmath>

namespace buskin {

duration backoff::wait(unsigned failures, double random) const {
  if (initial <= duration::zero() || failures == 0) return duration::zero();
  const double longest = std::chrono::duration<double>(maximum).count();
  const double plain = std::chrono::duration<double>(initial).count() *
                       std::pow(factor, static_cast<double>(std::min(failures - 1, 1000U)));
  const double moved = std::min(plain, longest) * (1.0 + jitter * random);
  return std::chrono::duration_cast<duration>(
      std::chrono::duration<double>(std::min(moved, longest)));
}

}  // namespace buskin
