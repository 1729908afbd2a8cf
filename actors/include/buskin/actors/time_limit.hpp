// How long to wait at most, for functions that take it before a list of arguments.
#pragma once

#include <buskin/runtime/clock.hpp>

#include <chrono>
#include <source_location>

namespace buskin {

/// No deadline.
inline constexpr duration infinite = duration::max();

/// A length of time to wait at most, and where in the source it was given. Made from any duration.
struct time_limit {
  template <class Rep, class Period>
  constexpr time_limit(std::chrono::duration<Rep, Period> given,
                       std::source_location here = std::source_location::current()) noexcept
      : length(std::chrono::duration_cast<duration>(given)), where(here) {}

  duration length;
  std::source_location where;
};

}  // namespace buskin
