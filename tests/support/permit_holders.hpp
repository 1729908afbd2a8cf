// Tasks that take permits.
#pragma once

#include <buskin/actors/semaphore.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace buskin::test {

/// Takes a permit, says so, and keeps it until the end of the hour.
inline task<void> take(semaphore s, journal* said, std::string name) {
  co_await s.acquire();
  said->push_back(std::move(name));
  co_await sleep(std::chrono::hours(1));
}

/// Takes a permit and never gives it back.
inline task<void> take_for_good(semaphore s) { co_await s.acquire(); }

}  // namespace buskin::test
