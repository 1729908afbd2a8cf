// What a supervisor tells of its children.
#pragma once

#include <buskin/runtime/clock.hpp>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace buskin {

/// Something that happened to a child, or to the supervisor itself (then `child` is empty).
struct supervisor_event {
  enum class kind : std::uint8_t {
    started,
    ignored,  ///< its start had nothing to run
    ended,    ///< `reason` says why
    waiting,  ///< will be restarted after `wait`
    start_failed,
    killed,         ///< did not end within its shutdown limit; `reason` says what it waited for
    abandoned,      ///< did not end although it was killed: its handler does not return
    auto_shutdown,  ///< significant children have ended: the supervisor ends
    gave_up         ///< more restarts than the intensity permits: the supervisor ends
  };
  kind what = kind::started;
  std::string supervisor;  ///< its name
  std::string child;
  std::string reason;                ///< the whole in one line
  std::vector<std::string> reasons;  ///< the same as a chain, the outermost first
  unsigned restarts = 0;             ///< of the child, so far
  duration wait{};
  caf::actor actor;  ///< the child's, where there is one
};

const char* to_string(supervisor_event::kind what) noexcept;

/// `devices/gps0 ended: the device closed the stream`
std::string to_string(const supervisor_event& event);

}  // namespace buskin

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(buskin::supervisor_event)
