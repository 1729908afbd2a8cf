#include <buskin/io/device.hpp>

#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>

#include <atomic>
#include <stdexcept>
#include <utility>

namespace buskin::io {

const char* to_string(device_state state) noexcept {
  switch (state) {
    case device_state::connecting:
      return "connecting";
    case device_state::up:
      return "up";
    case device_state::down:
      return "down";
  }
  return "?";
}

struct device::shared {
  shared(std::string n, open_function o, session_function s, device_options given)
      : name(std::move(n)),
        open(std::move(o)),
        session(std::move(s)),
        options(given),
        events(256) {}

  void change(device_state to, std::string reason = {}) {
    state.store(to, std::memory_order_release);
    if (to == device_state::up) sessions.fetch_add(1, std::memory_order_acq_rel);
    events.publish({name, to, std::move(reason), sessions.load(std::memory_order_relaxed)});
  }

  const std::string name;
  const open_function open;
  const session_function session;
  const device_options options;
  const broadcast<device_event> events;
  std::atomic<device_state> state{device_state::down};
  std::atomic<std::uint64_t> sessions{0};
};

namespace {

/// Reports that a device is down however its session ends, also when the actor is killed.
template <class Shared>
class down_at_exit {
 public:
  explicit down_at_exit(Shared& device) : device_(device) {}
  ~down_at_exit() {
    if (!told_) device_.change(device_state::down, "stopped");
  }
  void tell(std::string reason) {
    told_ = true;
    device_.change(device_state::down, std::move(reason));
  }

 private:
  Shared& device_;
  bool told_ = false;
};

}  // namespace

device::device(std::string name, open_function open, session_function session,
               device_options options)
    : shared_(std::make_shared<shared>(std::move(name), std::move(open), std::move(session),
                                       options)) {}

const std::string& device::name() const noexcept { return shared_->name; }
device_state device::state() const noexcept {
  return shared_->state.load(std::memory_order_acquire);
}
std::uint64_t device::sessions() const noexcept {
  return shared_->sessions.load(std::memory_order_acquire);
}
subscription<device_event> device::events() const { return shared_->events.subscribe(); }
caf::actor device::events_actor() const { return shared_->events.actor(); }

task<void> device::live(std::shared_ptr<shared> self) {
  self->change(device_state::connecting);
  down_at_exit end(*self);
  std::exception_ptr failure;
  bool asked_to_end = false;
  try {
    auto bytes = co_await timeout(self->options.open_timeout, [&] { return self->open(); });
    self->change(device_state::up);
    co_await self->session(std::move(bytes));
    throw std::runtime_error("the device closed the stream");
  } catch (const cancelled&) {
    asked_to_end = true;
    failure = std::current_exception();
  } catch (...) {
    failure = std::current_exception();
  }
  end.tell(asked_to_end ? "stopped" : describe(failure));
  std::rethrow_exception(failure);
}

child_spec device::spec() const {
  child_spec spec;
  spec.id = shared_->name;
  spec.start = [self = shared_] { return live(self); };
  spec.restart = restart_type::permanent;
  spec.shutdown = shared_->options.shutdown;
  spec.backoff = shared_->options.backoff;
  return spec;
}

}  // namespace buskin::io
