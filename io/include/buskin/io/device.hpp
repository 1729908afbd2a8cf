// A device that is supervised: opened, used, lost, and opened again after a while.
#pragma once

#include <buskin/actors/broadcast.hpp>
#include <buskin/actors/supervisor.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/task.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace buskin::io {

/// How a device stands.
enum class device_state : std::uint8_t { connecting, up, down };

const char* to_string(device_state state) noexcept;

/// A change of state.
struct device_event {
  std::string device;
  device_state state = device_state::down;
  std::string reason;         ///< why it is down
  std::uint64_t session = 0;  ///< counts how often it came up

  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, device_event& x) {
    return f(caf::meta::type_name("buskin::io::device_event"), x.device, x.state, x.reason,
             x.session);
  }
};

struct device_options {
  /// A device comes back after these waits; a session of `reset_after` begins the sequence anew.
  buskin::backoff backoff{std::chrono::milliseconds(250), std::chrono::seconds(30), 2.0, 0.2,
                          std::chrono::seconds(5)};
  /// How long it may take to open.
  duration open_timeout = std::chrono::seconds(10);
  /// How long a session may take to end when it is asked to.
  child_shutdown shutdown = child_shutdown::within(std::chrono::seconds(2));
};

/// A device by name: how to open its stream, and what to do with it while it is there. Copies refer
/// to the same device. Put `spec()` among the children of a supervisor (with unlimited intensity),
/// which keeps it running.
class device {
 public:
  using open_function = std::function<task<stream>()>;
  /// Runs until the stream ends or fails; then the device is down, for the reason it threw or
  /// because the stream ended.
  using session_function = std::function<task<void>(stream)>;

  /// Inside a running runtime.
  device(std::string name, open_function open, session_function session,
         device_options options = {});

  const std::string& name() const noexcept;
  device_state state() const noexcept;
  /// How often it came up.
  std::uint64_t sessions() const noexcept;

  /// The changes of state from now on, in order: connecting, then up or down, then down. Their
  /// message face is `events_actor`.
  subscription<device_event> events() const;
  /// A CAF actor that sends `(subscribe)` here is sent `(publish, device_event)` for each change.
  caf::actor events_actor() const;

  /// The device as a child of a supervisor; its child id is the device's name.
  child_spec spec() const;

 private:
  struct shared;
  static task<void> live(std::shared_ptr<shared> self);
  std::shared_ptr<shared> shared_;
};

}  // namespace buskin::io
