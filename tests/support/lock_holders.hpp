// Tasks that take a lock.
#pragma once

#include <buskin/actors/lock.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace buskin::test {

/// Takes the lock, says so, and ends with it.
inline task<void> take(lock l, journal* said, std::string name) {
  co_await l.acquire();
  said->push_back(std::move(name));
}

inline task<void> take_and_release(lock l, journal* said, std::string name) {
  co_await l.acquire();
  said->push_back(std::move(name));
  l.release();
}

/// Takes the lock and sleeps with a guard in its frame.
inline task<void> hold_for(lock l, duration length) {
  const auto guard = co_await l.hold();
  co_await sleep(length);
}

inline task<void> take_and_sleep(lock l) {
  co_await l.acquire();
  co_await sleep(std::chrono::hours(1));
}

}  // namespace buskin::test
