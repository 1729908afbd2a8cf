// Children of all tempers, and looks at their supervisor.
#pragma once

#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/supervisor.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <chrono>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace buskin::test {

using namespace std::chrono_literals;

inline supervisor_options tolerant() {
  supervisor_options options;
  options.intensity = supervisor_options::unlimited;
  return options;
}

inline task<void> living() { co_await sleep(100000h); }
inline task<void> ending(duration lifetime) { co_await sleep(lifetime); }
inline task<void> failing(duration lifetime) {
  co_await sleep(lifetime);
  throw std::runtime_error("broken");
}
/// Does not end when it is asked to.
inline task<void> stubborn() {
  for (;;) {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
    }
  }
}
/// Takes its time to end when it is asked to.
inline task<void> tidy(duration cleanup, journal* log, std::string name) {
  std::exception_ptr interrupted;
  try {
    co_await sleep(100000h);
  } catch (const cancelled&) {
    interrupted = std::current_exception();
  }
  co_await sleep(cleanup);
  log->push_back(name);
  std::rethrow_exception(interrupted);
}

inline child_spec child(std::string id, std::function<task<void>()> start,
                        restart_type restart = restart_type::permanent) {
  child_spec spec;
  spec.id = std::move(id);
  spec.start = std::move(start);
  spec.restart = restart;
  return spec;
}

/// The events so far as "what child".
inline journal told(subscription<supervisor_event>& from) {
  journal log;
  try {
    while (auto event = from.next_nowait())
      log.push_back(std::string(to_string(event->value.what)) + " " + event->value.child);
  } catch (const queue_shutdown&) {
  }
  return log;
}

inline child_status status_of(const supervisor& s, const std::string& id) {
  for (auto& each : s.which_children())
    if (each.id == id) return each;
  return {};
}

/// For BOOST_CHECK_EXCEPTION: a child_error of this kind.
inline auto why(child_error::code expected) {
  return [expected](const child_error& e) { return e.why() == expected; };
}

/// A child whose start throws the first `failures` times, and runs for ever then.
inline child_spec shy(std::string id, int* failures) {
  return child(std::move(id), [failures] {
    if ((*failures)-- > 0) throw std::runtime_error("no such device");
    return living();
  });
}

/// Answers a number with itself, and fails with the text it is sent.
class echo : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return {[](int x) { return x; },
            [](const std::string& text) { throw std::runtime_error(text); }};
  }
};

}  // namespace buskin::test
