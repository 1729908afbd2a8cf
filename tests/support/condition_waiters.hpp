// Tasks that wait for a condition.
#pragma once

#include <buskin/actors/condition.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace buskin::test {

/// Waits once with the lock, says so while it holds it.
inline task<void> wait_once(condition c, journal* said, std::string name) {
  const auto guard = co_await c.hold();
  co_await c.wait();
  BOOST_TEST(c.mutex().is_locked());
  said->push_back(std::move(name));
}

inline task<std::vector<task_handle<void>>> waiters(condition c, journal* said,
                                                    std::vector<std::string> names) {
  std::vector<task_handle<void>> all;
  for (auto& name : names) all.push_back(spawn(wait_once(c, said, std::move(name))));
  co_await sleep(std::chrono::milliseconds(1));
  co_return all;
}

inline task<void> notify_some(condition c, std::size_t count) {
  const auto guard = co_await c.hold();
  c.notify(count);
}

/// What a wait threw: the object's address tells one exception from its copy.
struct seen {
  std::exception_ptr error;
  const cancelled* object = nullptr;
  std::string message;
  bool held = false;
};

inline task<void> see_how_it_ends(condition c, seen* what) {
  co_await c.mutex().acquire();
  try {
    co_await c.wait_for([] { return false; });
  } catch (const cancelled& e) {
    what->error = std::current_exception();
    what->object = &e;
    what->message = e.message();
    what->held = c.mutex().is_locked();
  }
  c.mutex().release();
  if (what->error) std::rethrow_exception(what->error);
}

}  // namespace buskin::test
