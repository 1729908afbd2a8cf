#include <buskin/actors/supervisor_event.hpp>

#include <chrono>

namespace buskin {

const char* to_string(supervisor_event::kind what) noexcept {
  switch (what) {
    case supervisor_event::kind::started:
      return "started";
    case supervisor_event::kind::ignored:
      return "ignored";
    case supervisor_event::kind::ended:
      return "ended";
    case supervisor_event::kind::waiting:
      return "waiting";
    case supervisor_event::kind::start_failed:
      return "start failed";
    case supervisor_event::kind::killed:
      return "killed";
    case supervisor_event::kind::abandoned:
      return "abandoned";
    case supervisor_event::kind::auto_shutdown:
      return "auto shutdown";
    case supervisor_event::kind::gave_up:
      return "gave up";
  }
  return "?";
}

std::string to_string(const supervisor_event& event) {
  std::string text = event.supervisor;
  if (!event.child.empty()) text += "/" + event.child;
  text += " ";
  text += to_string(event.what);
  if (event.what == supervisor_event::kind::waiting)
    text +=
        " " +
        std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(event.wait).count()) +
        " ms";
  if (!event.reason.empty()) text += ": " + event.reason;
  return text;
}

}  // namespace buskin
